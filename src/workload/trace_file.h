/*
** trace_file.h - requests of production traces, told apart by how the file begins.
*/
#ifndef ORC_WORKLOAD_TRACE_FILE_H
#define ORC_WORKLOAD_TRACE_FILE_H

#include "base/base.h"
#include "workload/source.h"
#include "workload/trace_options.h"

/*
** Requests of a trace file, plain or .gz, read as a stream. The format is told from how it begins:
** CSV by its header (Azure LLM, BurstGPT, Vidur, Splitwise), Mooncake and Bailian by '{', ShareGPT by '['.
** Every row is checked; the first bad one ends the source with file, line and field in the error.
** False when the file cannot be opened or its header is unknown.
*/
bool orc_source_trace(orc_source *out, const char *path, const orc_trace_options *o, orc_error *e);

#endif
