"""The openai package streams a chat and asks for a whole one. argv: the server's address."""
import sys

from openai import NotFoundError, OpenAI

client = OpenAI(base_url=sys.argv[1] + "/v1", api_key="none")
model = client.models.list().data[0].id
messages = [{"role": "user", "content": "What do you simulate?"}]
stream = client.chat.completions.create(model=model, messages=messages, max_completion_tokens=12, stream=True,
                                        stream_options={"include_usage": True})
text, usage = "", None
for chunk in stream:
    text += chunk.choices[0].delta.content or "" if chunk.choices else ""
    usage = chunk.usage or usage
whole = client.chat.completions.create(model=model, messages=messages, max_completion_tokens=12)
assert usage.completion_tokens == 12, usage
assert whole.choices[0].message.content == text, (whole, text)
assert whole.choices[0].finish_reason == "length"
try:
    client.completions.create(model="another", prompt="x")
    raise SystemExit("another model was served")
except NotFoundError as e:
    assert e.body["type"] == "NotFoundError", e.body
print("openai streams a chat, and another model is its NotFoundError")
