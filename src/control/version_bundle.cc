#include "control/version_bundle.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "base/check.h"
#include "base/hex.h"
#include "control/api_request.h"
#include "control/binding_types.h"

namespace weir::control {

namespace json = boost::json;

namespace {

std::string_view textOf(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->as_string()) : std::string_view{};
}

std::optional<wire::ModuleType> typeOf(catalog::ModuleKind kind) {
  switch (kind) {
    case catalog::ModuleKind::kEsModule: return wire::ModuleType::kEsModule;
    case catalog::ModuleKind::kText: return wire::ModuleType::kText;
    case catalog::ModuleKind::kData: return wire::ModuleType::kData;
    case catalog::ModuleKind::kJson: return wire::ModuleType::kJson;
    case catalog::ModuleKind::kWasm: return wire::ModuleType::kWasm;
    case catalog::ModuleKind::kCommonJs: return wire::ModuleType::kCommonJs;
    case catalog::ModuleKind::kSourceMap:
    case catalog::ModuleKind::kPython: break;
  }
  return std::nullopt;
}

const catalog::Module* findModule(const BundleSource& source, std::string_view name) {
  for (const auto& module : source.modules) {
    if (module.name == name) return &module;
  }
  return nullptr;
}

// What of the bindings is a value.
json::object valuesOf(const BundleSource& source) {
  json::object env;
  for (const auto& entry : source.bindings) {
    const auto& binding = entry.as_object();
    const auto name = textOf(binding, "name");
    const auto type = textOf(binding, "type");
    if (type == "plain_text") {
      env[name] = textOf(binding, "text");
    } else if (type == "json") {
      const auto* value = binding.if_contains("json");
      env[name] = value != nullptr ? *value : json::value(nullptr);
    } else if (type == "secret_text") {
      const auto at = source.secrets.find(std::string(name));
      if (at != source.secrets.end()) env[name] = at->second;
    } else if (type == "version_metadata") {
      env[name] = {{"id", source.versionId},
                   {"tag", source.versionTag},
                   {"timestamp", source.createdMs > 0 ? isoTime(source.createdMs) : std::string()}};
    } else if (type == "text_blob") {
      const auto* module = findModule(source, textOf(binding, "part"));
      if (module != nullptr)
        env[name] = std::string_view(reinterpret_cast<const char*>(module->content.data()), module->content.size());
    }
  }
  return env;
}

bool hasValuesToHide(const BundleSource& source) {
  return std::any_of(source.bindings.begin(), source.bindings.end(), [](const json::value& entry) {
    const auto type = textOf(entry.as_object(), "type");
    return type == "secret_text" || type == "version_metadata";
  });
}

bool anyReadsBindingsEarly(const BundleSource& source) {
  const auto chosen = wire::CompatibilitySet::of(source.compatibilityDate, source.compatibilityFlags);
  return std::any_of(source.modules.begin(), source.modules.end(), [&](const catalog::Module& module) {
    return readsBindingsEarly({reinterpret_cast<const char*>(module.content.data()), module.content.size()}, chosen);
  });
}

// A binding that is an object of the platform's: its name for the engine, what it stands for the platform itself.
void addStub(const json::object& binding, wire::Bundle& bundle, VersionBundle& made) {
  const auto name = textOf(binding, "name");
  const auto type = textOf(binding, "type");
  if (type == "assets") {
    bundle.services.push_back(name);
    made.services.push_back({{}, {}, true});
  } else if (type == "service") {
    bundle.services.push_back(name);
    const auto* props = binding.if_contains("props");
    const bool some = props != nullptr && props->is_object() && !props->as_object().empty();
    made.services.push_back({std::string(textOf(binding, "service")), std::string(textOf(binding, "entrypoint")), false,
                             some ? json::serialize(*props) : std::string()});
  } else if (type == "ratelimit") {
    if (const auto rate = readRateLimit(binding)) {
      bundle.limiters.push_back({name, rate->limit, rate->periodSeconds});
      made.rateSpaces.emplace_back(textOf(binding, "namespace_id"));
    }
  }
}

base::Result<std::vector<uint8_t>> encode(const BundleSource& source, const std::string& env,
                                          const wire::VersionLimits& limits, VersionBundle& made) {
  wire::Bundle bundle;
  bundle.scriptName = source.script;
  bundle.syntax =
      source.syntax == catalog::VersionSyntax::kEsModules ? wire::Syntax::kEsModules : wire::Syntax::kServiceWorker;
  bundle.limits = limits;
  bundle.compatibilityDate = source.compatibilityDate;
  bundle.compatibilityFlags = source.compatibilityFlags;
  bundle.env = env;
  for (const auto& entry : source.bindings) addStub(entry.as_object(), bundle, made);
  // A script in service-worker format imports nothing: what comes with it are values of its bindings, by their names.
  if (bundle.syntax == wire::Syntax::kServiceWorker) {
    const auto add = [&](std::string_view name, wire::ModuleType type, const catalog::Module& module) {
      bundle.modules.push_back(
          {name, type, {reinterpret_cast<const uint8_t*>(module.content.data()), module.content.size()}});
    };
    add(source.modules.front().name, wire::ModuleType::kEsModule, source.modules.front());
    for (const auto& entry : source.bindings) {
      const auto& binding = entry.as_object();
      const auto type = textOf(binding, "type");
      const auto* module = findModule(source, textOf(binding, "part"));
      if (module == nullptr) continue;
      if (type == "wasm_module") add(textOf(binding, "name"), wire::ModuleType::kWasm, *module);
      if (type == "data_blob") add(textOf(binding, "name"), wire::ModuleType::kData, *module);
    }
  }
  for (const auto& module : source.modules) {
    const auto type = typeOf(module.kind);
    if (!type || bundle.syntax == wire::Syntax::kServiceWorker) continue;
    std::string_view name = module.name;
    if (name.starts_with("./")) name.remove_prefix(2);
    bundle.modules.push_back(
        {name, *type, {reinterpret_cast<const uint8_t*>(module.content.data()), module.content.size()}});
  }
  std::vector<uint8_t> bytes;
  wire::encodeBundle(bundle, bytes);
  if (!wire::decodeBundle(bytes)) return base::Error{"its modules or the values of its bindings are too large"};
  return bytes;
}

base::Result<wire::Descriptor> seal(const std::vector<uint8_t>& bytes) {
  return wire::makeSealedBlob("bundle", std::as_bytes(std::span(bytes)));
}

}  // namespace

wire::VersionLimits versionLimits(const catalog::PlanLimits& plan, std::string_view limits) {
  wire::VersionLimits out;
  out.cpuMs = static_cast<uint32_t>(plan.cpuMs);
  out.startupCpuMs = static_cast<uint32_t>(plan.startupCpuMs);
  out.memoryMb = static_cast<uint32_t>(plan.memoryMb);
  out.subrequests = static_cast<uint32_t>(plan.subrequests);
  out.scheduledMs = static_cast<uint32_t>(plan.scheduledMs);
  json::error_code error;
  const json::value given = json::parse(limits, error);
  if (error || !given.is_object()) return out;
  const auto lower = [&](const char* name, uint32_t& limit) {
    const auto* value = given.as_object().if_contains(name);
    if (value == nullptr) return;
    json::error_code notNumber;
    const auto number = value->to_number<uint32_t>(notNumber);
    if (!notNumber && number > 0) limit = std::min(limit, number);
  };
  lower("cpu_ms", out.cpuMs);
  lower("subrequests", out.subrequests);
  return out;
}

base::Result<VersionBundle> makeBundle(const BundleSource& source) {
  VersionBundle made;
  const auto bytes = encode(source, json::serialize(valuesOf(source)), source.limits, made);
  if (!bytes.ok()) return bytes.error();
  auto sealed = seal(*bytes);
  if (!sealed.ok()) return sealed.error();
  made.sealed = std::move(sealed).value();
  return made;
}

bool readsBindingsEarly(std::string_view code, const wire::CompatibilitySet& chosen) {
  using Flag = wire::Compatibility;
  const bool hasProcess = chosen.has(Flag::kNodejsCompat) && chosen.has(Flag::kNodejsCompatPopulateProcessEnv);
  return code.find("cloudflare:workers") != std::string_view::npos ||
         (hasProcess && code.find("process") != std::string_view::npos);
}

base::Result<CheckBundle> makeCheckBundle(const BundleSource& source) {
  CheckBundle made;
  const bool withoutValues = source.syntax == catalog::VersionSyntax::kEsModules && !anyReadsBindingsEarly(source);
  // Of the limits, those that hold for a start: a plan that changes otherwise leaves images good.
  wire::VersionLimits limits;
  limits.startupCpuMs = source.limits.startupCpuMs;
  limits.memoryMb = source.limits.memoryMb;
  VersionBundle unused;
  const auto bytes = encode(source, withoutValues ? "{}" : json::serialize(valuesOf(source)), limits, unused);
  if (!bytes.ok()) return bytes.error();
  made.mayKeepHeap = withoutValues || !hasValuesToHide(source);

  std::array<uint8_t, 32> hash{};
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  CHECK(context != nullptr);
  CHECK(EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1);
  CHECK(EVP_DigestUpdate(context, source.account.data(), source.account.size()) == 1);
  CHECK(EVP_DigestUpdate(context, "\n", 1) == 1);
  CHECK(EVP_DigestUpdate(context, bytes->data(), bytes->size()) == 1);
  CHECK(EVP_DigestFinal_ex(context, hash.data(), nullptr) == 1);
  EVP_MD_CTX_free(context);
  made.key = base::hexOf(hash);

  auto sealed = seal(*bytes);
  if (!sealed.ok()) return sealed.error();
  made.sealed = std::move(sealed).value();
  return made;
}

}  // namespace weir::control
