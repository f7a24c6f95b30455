#include "control/engine_metrics.h"

#include <functional>

namespace weir::control {

namespace {

void head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  ((((out += "# HELP ") += name) += ' ') += help) += '\n';
  ((((out += "# TYPE ") += name) += ' ') += type) += '\n';
}

// A family without labels.
void single(std::string& out, std::string_view name, std::string_view type, std::string_view help, uint64_t value) {
  head(out, name, type, help);
  (((out += name) += ' ') += std::to_string(value)) += '\n';
}

}  // namespace

void renderEngines(std::string& out, const std::vector<sandbox::EngineStatus>& engines) {
  using Status = sandbox::EngineStatus;
  const struct {
    const char* name;
    const char* type;
    const char* help;
    uint64_t (*value)(const Status&);
  } families[] = {
      {"weir_engine_up", "gauge", "1: the slot has an engine that serves.",
       [](const Status& s) -> uint64_t { return s.serving; }},
      {"weir_engine_invocations", "gauge", "Invocations on the engine.",
       [](const Status& s) -> uint64_t { return s.inFlight; }},
      {"weir_engine_isolates", "gauge", "Isolates in the engine.",
       [](const Status& s) -> uint64_t { return s.isolates; }},
      {"weir_engine_isolate_bytes", "gauge", "Memory of those.",
       [](const Status& s) -> uint64_t { return s.isolateBytes; }},
      {"weir_engine_process_bytes", "gauge", "Private memory of the engine's process.",
       [](const Status& s) -> uint64_t { return s.processBytes; }},
      {"weir_engine_draining", "gauge", "Earlier engines of the slot that finish their work.",
       [](const Status& s) -> uint64_t { return s.draining; }},
      {"weir_engine_starts_total", "counter", "Engines the slot has had ready.",
       [](const Status& s) -> uint64_t { return s.starts; }},
      {"weir_engine_confinements_missing", "gauge", "Confinements that the kernel refused.",
       [](const Status& s) -> uint64_t { return s.serving ? s.confinements.missing().size() : 0; }},
  };
  for (const auto& family : families) {
    head(out, family.name, family.type, family.help);
    for (const Status& engine : engines) {
      ((((out += family.name) += "{slot=\"") += std::to_string(engine.slot)) += "\"} ") +=
          std::to_string(family.value(engine));
      out += '\n';
    }
  }
}

void renderTraces(std::string& out, const logs::TraceWriter::Figures& figures) {
  single(out, "weir_traces_written_total", "counter", "Trace lines in the file.", figures.written);
  single(out, "weir_traces_dropped_total", "counter", "Trace lines lost for want of room or to the disk.",
         figures.dropped);
  single(out, "weir_trace_bytes_total", "counter", "Bytes of trace lines written.", figures.bytes);
}

void renderAssetCache(std::string& out, const AssetCacheFigures& figures) {
  single(out, "weir_asset_cache_bytes", "gauge", "Content of static assets in memory.", figures.bytes);
  single(out, "weir_asset_cache_limit_bytes", "gauge", "What it is bounded by (--asset-cache-mb).", figures.bytesMax);
  single(out, "weir_asset_reads_total", "counter", "Content of static assets read because it was not in memory.",
         figures.reads);
}

}  // namespace weir::control
