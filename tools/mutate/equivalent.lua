--- Changes that make no difference which a test could see, each with its reason: { file, the line as changed, why }.
return {
  { "src/cost/op.c", "if (m->index_topk >= 0) add_index(&o->full, l, m, windowed);",
    "an indexer without heads adds nothing" },
  { "src/cost/op.c",
    "return l->decode_context_parallel_size >= 1 ? l->decode_context_parallel_size : 1.0;",
    "of one rank it is 1 either way" },
  { "src/base/ladder.c", "const uint32_t room = q->chunk_room == 0 ? 33 : 2 * q->chunk_room;",
    "how much room there is at first shows nowhere: more is made when it is used up" },
  { "lua/oracle/scaling/target_load.lua",
    "if present >= 0 and math.abs(total / (present * p.target) - 1) <= p.tolerance then wanted = present end",
    "with none present the quotient is infinite or none, and not within any tolerance" },
}
