"""Prometheus' own parser reads /metrics. argv: the server's address."""
import sys
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

text = urllib.request.urlopen(sys.argv[1] + "/metrics").read().decode()
families = {f.name: f for f in text_string_to_metric_families(text)}
kinds = {f.type for f in families.values()}
assert {"vllm:num_requests_running", "vllm:time_to_first_token_seconds", "vllm:request_success"} <= families.keys()
assert kinds == {"gauge", "counter", "histogram"}, kinds
print(f"prometheus_client reads {len(families)} families of {sum(len(f.samples) for f in families.values())} samples")
