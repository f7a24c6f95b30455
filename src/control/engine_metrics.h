// What each engine is doing, in the Prometheus text format.
#pragma once

#include <string>
#include <vector>

#include "logs/trace_writer.h"
#include "sandbox/supervisor.h"

namespace weir::control {

// Appends families that logs::Metrics does not have. Any thread.
void renderEngines(std::string& out, const std::vector<sandbox::EngineStatus>& engines);
void renderTraces(std::string& out, const logs::TraceWriter::Figures& figures);

}  // namespace weir::control
