// What engines, the trace writer and the cache of static assets are doing, in the Prometheus text format.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "logs/trace_writer.h"
#include "sandbox/supervisor.h"

namespace weir::control {

// Appends families that logs::Metrics does not have. Any thread.
void renderEngines(std::string& out, const std::vector<sandbox::EngineStatus>& engines);
void renderTraces(std::string& out, const logs::TraceWriter::Figures& figures);

struct AssetCacheFigures {
  uint64_t bytes = 0;     // in memory
  uint64_t bytesMax = 0;  // its bound
  uint64_t reads = 0;     // of the catalog
};
void renderAssetCache(std::string& out, const AssetCacheFigures& figures);

}  // namespace weir::control
