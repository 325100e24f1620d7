/*
** topology.h - what is joined to what: nodes, one-way links with latency and bandwidth, and the
** routes between nodes. Built once, before the run; read-only to those that send over it.
**
** The first question for a route computes and keeps it: one thread at a time.
*/
#ifndef ORC_NET_TOPOLOGY_H
#define ORC_NET_TOPOLOGY_H

#include "base/base.h"

typedef enum orc_node_kind {
  ORC_NODE_DEVICE, /* computes: a GPU */
  ORC_NODE_HOST,   /* a server's own memory and processor, or a client */
  ORC_NODE_NIC,
  ORC_NODE_SWITCH,
  ORC_NODE_NVSWITCH, /* a switch that adds up and multicasts what passes it (NVLink SHARP) */
} orc_node_kind;

typedef struct orc_node {
  const char *name; /* unique */
  orc_node_kind kind;
  int host; /* the server it is part of, counted from 0; -1: none */
} orc_node;

/* One direction of a cable. */
typedef struct orc_edge {
  const char *name; /* unique */
  int from, to;     /* nodes */
  double latency;   /* s a message's first byte needs, >= 0 */
  double bandwidth; /* B/s, > 0 */
  double overhead;  /* LogGP's o, s of each end per message, >= 0; see orc_topology_loggp */
  double gap;       /* LogGP's g, s between two messages, >= 0 */
} orc_edge;

/* The way from one node to another. Stays in place as long as the topology. */
typedef struct orc_route {
  int from, to;
  int hops;             /* links crossed; 0: from one node to itself */
  double latency;       /* s, sum over its links */
  double bandwidth;     /* B/s, the least of its links; infinite for 0 hops */
  double overhead, gap; /* s, the greatest of its links */
  double delay;         /* ns, latency */
  double ns_per_byte;   /* 1e9 / bandwidth */
  int32_t links[];      /* the links in order; hops of them */
} orc_route;

typedef struct orc_topology orc_topology;

/* ---- link by link ---- */

orc_topology *orc_topology_new(void);
void orc_topology_free(orc_topology *t); /* NULL is allowed */

/*
** Add a node.
**   name   1 to 63 characters, unique among nodes; copied
**   host   the server it is part of, or -1
** Returns its number (0, 1, 2 ...), or -1 with *e filled.
*/
int orc_topology_add_node(orc_topology *t, orc_node_kind kind, const char *name, int host,
                          orc_error *e);

/*
** Add a one-way link. At most one joins two nodes in one direction, and none joins a node to
** itself.
**   spec   name (NULL: "FROM->TO"; copied), ends, latency 0 .. 1e6 s, bandwidth > 0 B/s, finite
** Returns its number (0, 1, 2 ...), or -1 with *e filled: unknown end, zero or negative bandwidth,
** negative latency, a name or a pair of nodes already taken.
** Not after the first route was asked for.
*/
int orc_topology_add_link(orc_topology *t, const orc_edge *spec, orc_error *e);

/*
** Between equally good ways take one by the receiver's number instead of the first: spreads the
** load over a fat tree. Source: Zahavi, D-Mod-K routing providing non-blocking traffic for shift
** permutations on real life fat trees, CCIT report 776, Technion 2010.
*/
void orc_topology_spread(orc_topology *t, bool on);

/*
** Messages by the LogGP model (cost/collective.h): formulas over its routes reckon with overhead
** and gap. The links there are get these two (s, >= 0); those added later bring their own. What is
** carried out message by message does not know them.
*/
void orc_topology_loggp(orc_topology *t, double overhead, double gap);
bool orc_topology_is_loggp(const orc_topology *t);

/* ---- by name ---- */

/* What a builder is told; zero is its own default. Bandwidths are B/s in one direction. */
typedef struct orc_topology_shape {
  int hosts;             /* servers, 0 .. 4096 */
  int gpus;              /* per server, 0 .. 64 */
  int nics;              /* per server, 0 .. gpus; must divide gpus */
  int k;                 /* fat_tree: ports per switch, even, 2 .. 32 */
  double bandwidth;      /* between GPUs: per pair in a mesh or ring, per GPU on a switch */
  double latency;        /* s from GPU to GPU over that */
  double pcie_bandwidth; /* of one PCIe slot */
  double pcie_latency;   /* s from one end of a PCIe hop to the other */
  double nic_bandwidth;  /* of one NIC, and of the network's links */
  double nic_latency;    /* s from a NIC to the next switch, and from switch to switch */
} orc_topology_shape;

/*
** Build a topology.
**   pcie         GPUs of a server on one PCIe switch, which shares one uplink to the host
**   nvlink_mesh  a link from each GPU of a server to each other; PCIe beside it
**   nvswitch     each GPU of a server joined to one switch; PCIe beside it
**   dgx_h100     nvswitch as in NVIDIA's server: 8 GPUs, 450 GB/s, 8 NICs of 400 Gbit/s, rails
**   hgx_ib       two such servers or more: NIC i of each on rail switch i (rail-optimised)
**   fat_tree     k-ary fat tree of k^3/4 servers (Al-Fares, Loukissas and Vahdat, SIGCOMM 2008)
**   ring         GPU i joined to GPU i+1, both ways
** In the first three, servers are joined by one switch, a NIC each unless told otherwise; without a
** second server there are NICs only where the shape asks for them.
**
** Devices come first and are called gpu0, gpu1, ..., server by server; hosts host0, ...; the rest
** hostH.nicN, hostH.pcieN, hostH.nvswitch, net, railN, edgeP.I, aggP.I, coreI.
**
** Defaults: 1 server (hgx_ib 2; fat_tree k = 4, 1 GPU per server), 8 GPUs, and
**   NVLink      450 GB/s per GPU and direction: H100 SXM, 900 GB/s both ways together
**               (nvidia.com/en-us/data-center/h100, 2024-11); a mesh splits it over the pairs
**   PCIe        63 GB/s: Gen5 x16, 32 GT/s x 16 microbatches x 128/130 (PCI Express Base 5.0, 2019)
**   NIC         50 GB/s: 400 Gbit/s ConnectX-7 (DGX H100 user guide, NVIDIA, 2024)
**   latencies   1 us from GPU to GPU, 0.5 us a PCIe hop, 0.5 us a network hop: assumptions of the
**               right order, not measurements; set them where they matter
** Returns NULL with *e filled: an unknown name (the valid ones are listed) or a number out of
** range.
*/
orc_topology *orc_topology_build(const char *name, const orc_topology_shape *shape, orc_error *e);

/* The names above, in that order, NULL after the last. */
const char *const *orc_topology_names(void);

/* ---- questions ---- */

int orc_topology_nodes(const orc_topology *t);
int orc_topology_links(const orc_topology *t);
const orc_node *orc_topology_node(const orc_topology *t, int node); /* valid until one is added */
const orc_edge *orc_topology_link(const orc_topology *t, int link); /* valid until one is added */
int orc_topology_find(const orc_topology *t, const char *name);     /* a node, or -1 */

/*
** The way with the fewest links, among these the one of least latency, among these the one whose
** links have the lowest numbers (but see orc_topology_spread). Kept: later calls are a look-up.
**   from, to   nodes that exist
** Returns NULL with *e filled, naming both ends, when there is no way. After the first call no
** node or link can be added.
*/
const orc_route *orc_topology_route(orc_topology *t, int from, int to, orc_error *e);

/* Whether every device can send to every other, and there is one: else false, naming two. */
bool orc_topology_check(const orc_topology *t, orc_error *e);

#endif
