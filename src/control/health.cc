#include "control/health.h"

#include "base/json_text.h"

namespace weir::control {

namespace {

// Writes one JSON value after the other, indented, with commas where they belong.
class Writer {
 public:
  void open(char bracket) {
    out += bracket;
    first_ = true;
    ++depth_;
  }
  void close(char bracket) {
    --depth_;
    if (!first_) newLine();
    first_ = false;
    out += bracket;
  }
  void item() {
    if (!first_) out += ',';
    first_ = false;
    newLine();
  }
  void key(std::string_view name) {
    item();
    text(name);
    out += ": ";
  }
  void text(std::string_view value) { base::appendJsonString(out, value); }
  void field(std::string_view name, std::string_view value) {
    key(name);
    text(value);
  }
  void field(std::string_view name, const char* value) { field(name, std::string_view(value)); }
  void field(std::string_view name, uint64_t value) {
    key(name);
    out += std::to_string(value);
  }
  void field(std::string_view name, bool value) {
    key(name);
    out += value ? "true" : "false";
  }
  void null(std::string_view name) {
    key(name);
    out += "null";
  }

  std::string out;

 private:
  void newLine() {
    out += '\n';
    out.append(2 * depth_, ' ');
  }
  size_t depth_ = 0;
  bool first_ = true;
};

uint64_t secondsBetween(double fromMs, double toMs) {
  return toMs > fromMs ? static_cast<uint64_t>((toMs - fromMs) / 1000) : 0;
}

void writeEngine(Writer& json, const sandbox::EngineStatus& engine, double nowMs) {
  json.open('{');
  json.field("slot", uint64_t{engine.slot});
  json.field("status", engine.serving ? "serving" : "starting");
  if (engine.serving) {
    json.field("pid", static_cast<uint64_t>(engine.pid));
    json.field("uptimeSeconds", secondsBetween(engine.startedMs, nowMs));
    json.field("v8", engine.v8Version);
  } else {
    json.null("pid");
  }
  json.field("restarts", uint64_t{engine.starts > 0 ? engine.starts - 1 : 0});
  json.field("failedStarts", uint64_t{engine.failedStarts});
  if (engine.lastEnd.empty()) json.null("lastEnd");
  else json.field("lastEnd", engine.lastEnd);
  json.field("invocations", uint64_t{engine.inFlight});
  json.field("isolates", uint64_t{engine.isolates});
  json.field("isolateBytes", engine.isolateBytes);
  json.field("processBytes", engine.processBytes);
  json.field("parkedThreads", uint64_t{engine.parkedThreads});
  json.field("draining", uint64_t{engine.draining});
  json.key("onlyScripts");
  if (engine.confined.empty()) {
    json.out += "null";
  } else {
    json.open('[');
    for (const std::string& script : engine.confined) {
      json.item();
      json.text(script);
    }
    json.close(']');
  }
  if (engine.serving) {
    json.key("confinements");
    json.open('{');
    json.key("active");
    json.open('[');
    for (size_t i = 0; i < wire::kConfinementCount; ++i) {
      const auto confinement = static_cast<wire::Confinement>(i);
      if (!engine.confinements.active(confinement)) continue;
      json.item();
      json.text(wire::confinementName(confinement));
    }
    json.close(']');
    json.key("missing");
    json.open('[');
    for (const auto confinement : engine.confinements.missing()) {
      json.item();
      json.open('{');
      json.field("name", wire::confinementName(confinement));
      json.field("reason", engine.confinements.reason(confinement));
      json.close('}');
    }
    json.close(']');
    json.close('}');
  }
  json.close('}');
}

}  // namespace

HealthStatus statusOf(const Health& health) {
  bool serving = false;
  for (const auto& engine : health.engines) serving |= engine.serving && engine.confined.empty();
  if (health.draining || !serving) return HealthStatus::kUnavailable;
  return warningsOf(health).empty() ? HealthStatus::kOk : HealthStatus::kDegraded;
}

std::string_view nameOf(HealthStatus status) {
  switch (status) {
    case HealthStatus::kOk: return "ok";
    case HealthStatus::kDegraded: return "degraded";
    case HealthStatus::kUnavailable: break;
  }
  return "unavailable";
}

std::vector<std::string> warningsOf(const Health& health) {
  std::vector<std::string> warnings;
  for (const auto& engine : health.engines) {
    const std::string name = "engine " + std::to_string(engine.slot);
    if (!engine.serving) {
      warnings.push_back(name + " is not there" + (engine.lastEnd.empty() ? "" : ": " + engine.lastEnd));
    } else if (!engine.confinements.complete()) {
      warnings.push_back(name + " is not fully confined: " + engine.confinements.summary());
    }
    for (const std::string& script : engine.confined) {
      warnings.push_back("script " + script + " has cost engines their threads and runs apart, on " + name);
    }
  }
  return warnings;
}

std::string toJson(const Health& health) {
  Writer json;
  json.open('{');
  json.field("status", nameOf(statusOf(health)));
  json.key("warnings");
  json.open('[');
  for (const std::string& warning : warningsOf(health)) {
    json.item();
    json.text(warning);
  }
  json.close(']');
  json.field("version", health.version);
  json.field("uptimeSeconds", secondsBetween(health.startedMs, health.nowMs));
  json.field("draining", health.draining);
  json.key("engines");
  json.open('[');
  for (const auto& engine : health.engines) {
    json.item();
    writeEngine(json, engine, health.nowMs);
  }
  json.close(']');
  json.close('}');
  json.out += '\n';
  return json.out;
}

}  // namespace weir::control
