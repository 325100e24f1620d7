#include "net/topology.h"

#include <string.h>

#include "test.h"

#define HAS(text, part) CHECK(strstr(text, part) != NULL)

static int device(orc_topology *t, const char *name)
{
  return orc_topology_add_node(t, ORC_NODE_DEVICE, name, -1, NULL);
}

static int join(orc_topology *t, int from, int to, double latency, double bandwidth)
{
  const orc_edge link = { .from = from, .to = to, .latency = latency, .bandwidth = bandwidth };
  return orc_topology_add_link(t, &link, NULL);
}

/* a -> b -> d and a -> c -> d: 2 + 2 us against 1 + 1 us; a -> e -> f -> d has less latency still,
** but one link more. */
static void fewest_links_then_latency(void)
{
  orc_topology *t = orc_topology_new();
  const int a = device(t, "a"), b = device(t, "b"), c = device(t, "c"), d = device(t, "d");
  const int e = device(t, "e"), f = device(t, "f");
  join(t, a, b, 2e-6, 5e9);
  join(t, b, d, 2e-6, 5e9);
  const int ac = join(t, a, c, 1e-6, 7e9), cd = join(t, c, d, 1e-6, 3e9);
  join(t, a, e, 0.0, 9e9);
  join(t, e, f, 0.0, 9e9);
  join(t, f, d, 0.0, 9e9);
  const orc_route *r = orc_topology_route(t, a, d, NULL);
  CHECK(r->hops == 2 && r->links[0] == ac && r->links[1] == cd);
  NEAR(r->latency, 2e-6, 1e-12);
  CHECK(r->delay == 2000);
  CHECK(r->bandwidth == 3e9);
  CHECK(orc_topology_route(t, a, d, NULL) == r);
  const orc_route *self = orc_topology_route(t, a, a, NULL);
  CHECK(self->hops == 0 && self->latency == 0.0 && self->ns_per_byte == 0.0);
  orc_error e1 = { 0 };
  CHECK(orc_topology_route(t, d, a, &e1) == NULL); /* links go one way */
  HAS(e1.msg, "no route from 'd' to 'a'");
  orc_topology_free(t);
}

/* Two equal ways: the one whose first link has the lower number, whatever the nodes' order. */
static void ties_by_number(void)
{
  orc_topology *t = orc_topology_new();
  const int a = device(t, "a"), b = device(t, "b"), c = device(t, "c"), d = device(t, "d");
  const int ac = join(t, a, c, 1e-6, 1e9);
  join(t, a, b, 1e-6, 1e9);
  join(t, b, d, 1e-6, 1e9);
  join(t, c, d, 1e-6, 1e9);
  CHECK(orc_topology_route(t, a, d, NULL)->links[0] == ac);
  orc_topology_free(t);
}

static void refuse(orc_topology *t, orc_edge link, const char *why)
{
  orc_error e = { 0 };
  const int links = orc_topology_links(t);
  CHECK(orc_topology_add_link(t, &link, &e) == -1);
  HAS(e.msg, why);
  CHECK(orc_topology_links(t) == links);
}

static void what_is_refused(void)
{
  orc_error e = { 0 };
  orc_topology *t = orc_topology_new();
  CHECK(!orc_topology_check(t, &e));
  HAS(e.msg, "no device");
  const int a = device(t, "a"), b = device(t, "b"), c = device(t, "c");
  CHECK(orc_topology_add_node(t, ORC_NODE_NIC, "b", -1, &e) == -1);
  HAS(e.msg, "'b': named twice");
  CHECK(orc_topology_add_node(t, ORC_NODE_NIC, "", -1, &e) == -1);
  refuse(t, (orc_edge){ .from = a, .to = b, .bandwidth = 0.0 }, "bandwidth 0 B/s");
  refuse(t, (orc_edge){ .from = a, .to = b, .bandwidth = -1.0 }, "bandwidth -1 B/s");
  refuse(t, (orc_edge){ .from = a, .to = b, .bandwidth = (double)NAN }, "bandwidth");
  refuse(t, (orc_edge){ .from = a, .to = b, .bandwidth = 1.0, .latency = -1e-6 }, "latency");
  refuse(t, (orc_edge){ .from = a, .to = b, .bandwidth = 1.0, .overhead = -1.0 }, "overhead -1 s");
  refuse(t, (orc_edge){ .from = a, .to = b, .bandwidth = 1.0, .gap = (double)NAN }, "gap");
  refuse(t, (orc_edge){ .from = a, .to = b, .bandwidth = 1.0, .gap = 2e6 }, "gap 2e+06 s");
  refuse(t, (orc_edge){ .from = a, .to = 3, .bandwidth = 1.0 }, "two nodes");
  refuse(t, (orc_edge){ .from = a, .to = a, .bandwidth = 1.0 }, "to itself");
  const orc_edge ab = { .name = "cable", .from = a, .to = b, .bandwidth = 1e9 };
  CHECK(orc_topology_add_link(t, &ab, &e) == 0);
  CHECK(strcmp(orc_topology_link(t, 0)->name, "cable") == 0);
  refuse(t, (orc_edge){ .name = "cable", .from = b, .to = a, .bandwidth = 1.0 }, "named twice");
  refuse(t, (orc_edge){ .from = a, .to = b, .bandwidth = 1.0 },
         "'cable' already goes from 'a' to 'b'");
  CHECK(!orc_topology_check(t, &e)); /* nothing comes back from b, and c stands alone */
  HAS(e.msg, "disconnected");
  join(t, b, a, 0.0, 1.0);
  CHECK(!orc_topology_check(t, &e));
  HAS(e.msg, "'c'");
  join(t, b, c, 0.0, 1.0);
  CHECK(!orc_topology_check(t, &e)); /* c can be reached, and cannot answer */
  HAS(e.msg, "no route from 'c' to 'a'");
  join(t, c, a, 0.0, 1.0);
  CHECK(orc_topology_check(t, &e));
  CHECK(strcmp(orc_topology_link(t, 3)->name, "c->a") == 0);
  orc_topology_free(t);
}

static orc_topology *build(const char *name, orc_topology_shape shape)
{
  orc_error e = { 0 };
  orc_topology *t = orc_topology_build(name, &shape, &e);
  if (t == NULL) printf("%s: %s\n", name, e.msg);
  CHECK(t != NULL && orc_topology_check(t, &e));
  return t;
}

static const orc_route *route(orc_topology *t, const char *from, const char *to)
{
  const int a = orc_topology_find(t, from), b = orc_topology_find(t, to);
  CHECK(a >= 0 && b >= 0);
  return orc_topology_route(t, a, b, NULL);
}

/* Whether the route crosses a node of that name. */
static bool via(const orc_topology *t, const orc_route *r, const char *name)
{
  for (int h = 0; h < r->hops; h++)
    if (strcmp(orc_topology_node(t, orc_topology_link(t, r->links[h])->to)->name, name) == 0)
      return true;
  return false;
}

static void inside_a_server(void)
{
  orc_topology *t = build("pcie", (orc_topology_shape){ .gpus = 4 });
  CHECK(via(t, route(t, "gpu0", "gpu3"), "host0.pcie0"));
  CHECK(route(t, "gpu0", "gpu3")->hops == 2);
  CHECK(route(t, "gpu0", "host0")->links[1] ==
        route(t, "gpu2", "host0")->links[1]);                /* one uplink */
  NEAR(route(t, "gpu0", "gpu3")->bandwidth, 63.015e9, 1e-4); /* 32 GT/s x 16 x 128/130 / 8 */
  orc_topology_free(t);

  t = build("nvlink_mesh", (orc_topology_shape){ .gpus = 4, .bandwidth = 75e9 });
  CHECK(route(t, "gpu0", "gpu3")->hops == 1);
  CHECK(route(t, "gpu0", "gpu3")->bandwidth == 75e9);
  CHECK(route(t, "gpu0", "gpu3")->delay == 1000);
  CHECK(orc_topology_find(t, "host0.nic0") == -1);
  orc_topology_free(t);

  t = build("nvswitch", (orc_topology_shape){ .gpus = 8, .hosts = 2 });
  CHECK(via(t, route(t, "gpu0", "gpu7"), "host0.nvswitch"));
  CHECK(route(t, "gpu0", "gpu7")->delay == 1000 && route(t, "gpu0", "gpu7")->bandwidth == 450e9);
  CHECK(via(t, route(t, "gpu0", "gpu8"), "net"));
  CHECK(route(t, "gpu0", "gpu8")->bandwidth == 50e9);
  CHECK(orc_topology_node(t, orc_topology_find(t, "gpu8"))->host == 1);
  CHECK(via(t, route(t, "gpu3", "host0"), "host0.pcie3"));
  orc_topology_free(t);

  t = build("ring", (orc_topology_shape){ .gpus = 5 });
  CHECK(orc_topology_links(t) == 10);
  CHECK(route(t, "gpu0", "gpu3")->hops == 2 && via(t, route(t, "gpu0", "gpu3"), "gpu4"));
  orc_topology_free(t);
}

/* NIC i of every server is on rail i, so equal numbers meet on one switch; others use NVLink. */
static void rails(void)
{
  orc_topology *t = build("hgx_ib", (orc_topology_shape){ .hosts = 4 });
  const orc_route *same = route(t, "gpu3", "gpu11");
  CHECK(via(t, same, "host0.nic3") && via(t, same, "rail3") && via(t, same, "host1.nic3"));
  CHECK(same->hops == 6); /* slot, NIC, rail, NIC, slot, GPU */
  const orc_route *other = route(t, "gpu3", "gpu12");
  CHECK(other->hops == 8 && (via(t, other, "host0.nvswitch") || via(t, other, "host1.nvswitch")));
  orc_topology_free(t);

  t = build("dgx_h100", (orc_topology_shape){ 0 });
  CHECK(orc_topology_find(t, "gpu7") == 7 && orc_topology_find(t, "gpu8") == -1);
  CHECK(orc_topology_find(t, "host0.nic7") >= 0);
  orc_topology_free(t);
}

/*
** k = 4: 16 servers, 4 + 8 + 8 switches. From one pod to another: GPU, slot, NIC, edge, agg, core,
** agg, edge, NIC, slot, GPU = 10 links. D-mod-k: the servers under one edge switch send to the
** servers of another pod, each to another, over links no other of them uses.
*/
static void fat_tree(void)
{
  orc_topology *t = build("fat_tree", (orc_topology_shape){ 0 });
  CHECK(orc_topology_find(t, "gpu15") == 15 && orc_topology_find(t, "gpu16") == -1);
  CHECK(orc_topology_find(t, "core3") >= 0 && orc_topology_find(t, "core4") == -1);
  CHECK(orc_topology_find(t, "edge3.1") >= 0 && orc_topology_find(t, "agg3.1") >= 0);
  CHECK(route(t, "gpu0", "gpu15")->hops == 10);
  CHECK(route(t, "gpu0", "gpu1")->hops == 6);
  int used[1024] = { 0 }, most = 0;
  for (int g = 0; g < 16; g++) { /* shift by one pod: a permutation a fat tree carries unhindered */
    const orc_route *r = orc_topology_route(t, g, (g + 4) % 16, NULL);
    for (int h = 0; h < r->hops; h++)
      if (++used[r->links[h]] > most) most = used[r->links[h]];
  }
  CHECK(most == 1);
  orc_topology_free(t);
}

static void refuse_shape(const char *name, orc_topology_shape shape, const char *why)
{
  orc_error e = { 0 };
  CHECK(orc_topology_build(name, &shape, &e) == NULL);
  HAS(e.msg, why);
}

static void shapes_refused(void)
{
  refuse_shape("torus", (orc_topology_shape){ 0 }, "unknown topology 'torus': pcie,");
  refuse_shape("pcie", (orc_topology_shape){ .hosts = -1 }, "hosts -1");
  refuse_shape("nvswitch", (orc_topology_shape){ .gpus = 65 }, "gpus 65");
  refuse_shape("nvswitch", (orc_topology_shape){ .gpus = 8, .nics = 3 }, "3 NICs");
  refuse_shape("nvswitch", (orc_topology_shape){ .bandwidth = -1.0 }, "bandwidth -1");
  refuse_shape("nvswitch", (orc_topology_shape){ .latency = -1.0 }, "latency -1 s");
  refuse_shape("nvswitch", (orc_topology_shape){ .nic_latency = 2e6 }, "nic_latency 2e+06 s");
  refuse_shape("ring", (orc_topology_shape){ .gpus = 4, .nics = 2 }, "no NICs, 2 asked for");
  refuse_shape("nvswitch", (orc_topology_shape){ .k = 4 }, "fat_tree");
  refuse_shape("fat_tree", (orc_topology_shape){ .k = 3 }, "even");
  refuse_shape("fat_tree", (orc_topology_shape){ .k = 4, .hosts = 17 }, "room for 16");
}

/* Every name builds, alone and with three servers, and every device reaches every other. */
static void all_names(void)
{
  for (const char *const *n = orc_topology_names(); *n != NULL; n++) {
    orc_topology_free(build(*n, (orc_topology_shape){ 0 }));
    orc_topology *t = build(*n, (orc_topology_shape){ .hosts = 3, .gpus = 4 });
    for (int a = 0; a < 12; a++)
      for (int b = 0; b < 12; b++)
        CHECK(orc_topology_route(t, a, b, NULL) != NULL);
    orc_topology_free(t);
    orc_topology_free(build(*n, (orc_topology_shape){ .hosts = 1, .gpus = 1 }));
    orc_topology_free(build(*n, (orc_topology_shape){ .hosts = 1, .gpus = 2 }));
  }
}

int main(void)
{
  RUN(fewest_links_then_latency);
  RUN(ties_by_number);
  RUN(what_is_refused);
  RUN(inside_a_server);
  RUN(rails);
  RUN(fat_tree);
  RUN(shapes_refused);
  RUN(all_names);
  return DONE();
}
