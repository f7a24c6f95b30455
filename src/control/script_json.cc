#include "control/script_json.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "base/hex.h"
#include "control/api_request.h"

namespace weir::control {

namespace json = boost::json;

namespace {

json::array flagsOf(std::string_view list) {
  json::array out;
  while (!list.empty()) {
    const auto one = list.substr(0, list.find(','));
    if (!one.empty()) out.emplace_back(one);
    list.remove_prefix(std::min(list.size(), one.size() + 1));
  }
  return out;
}

}  // namespace

json::object parseObject(std::string_view text, json::storage_ptr storage) {
  json::error_code error;
  json::value value = json::parse(text, error, storage);
  return !error && value.is_object() ? std::move(value.as_object()) : json::object(std::move(storage));
}

json::array parseArray(std::string_view text) {
  json::error_code error;
  json::value value = json::parse(text, error);
  return !error && value.is_array() ? std::move(value.as_array()) : json::array();
}

std::string tagOf(const catalog::Script& script) {
  const std::string text = script.account + "/" + script.name + "/" + std::to_string(script.createdMs);
  std::array<uint8_t, SHA256_DIGEST_LENGTH> hash{};
  SHA256(reinterpret_cast<const uint8_t*>(text.data()), text.size(), hash.data());
  return base::hexOf(std::span(hash).first(16));
}

json::object scriptJson(const catalog::Script& script, const catalog::Version* newest, json::storage_ptr storage) {
  const json::object settings = parseObject(script.settings, storage);
  const auto setting = [&](std::string_view name, const json::value& otherwise) {
    const auto* value = settings.if_contains(name);
    return value != nullptr && !value->is_null() ? *value : otherwise;
  };
  json::object out(std::move(storage));
  out.reserve(newest == nullptr ? 10 : 16);
  out["id"] = script.name;
  out["tag"] = tagOf(script);
  out["tags"] = setting("tags", json::array());
  out["created_on"] = isoTime(script.createdMs);
  out["modified_on"] = isoTime(script.modifiedMs);
  out["logpush"] = setting("logpush", false);
  out["tail_consumers"] = setting("tail_consumers", json::array());
  if (const auto* observability = settings.if_contains("observability")) out["observability"] = *observability;
  out["usage_model"] = "standard";
  if (newest != nullptr) {
    out["has_assets"] = newest->hasAssets;
    out["etag"] = newest->etag;
    out["handlers"] = parseArray(newest->check.handlers);
    out["last_deployed_from"] = newest->source;
    out["compatibility_date"] = newest->compatibilityDate;
    out["compatibility_flags"] = flagsOf(newest->compatibilityFlags);
    out["has_modules"] = newest->syntax == catalog::VersionSyntax::kEsModules;
  }
  return out;
}

json::object versionJson(const catalog::Version& version, bool hasPreview) {
  json::object metadata;
  metadata["created_on"] = isoTime(version.createdMs);
  metadata["modified_on"] = isoTime(version.createdMs);
  metadata["source"] = version.source;
  metadata["author_email"] = version.author;
  metadata["author_id"] = "";
  metadata["has_preview"] = hasPreview;

  json::object script;
  script["etag"] = version.etag;
  script["handlers"] = parseArray(version.check.handlers);
  script["last_deployed_from"] = version.source;

  json::object runtime;
  runtime["compatibility_date"] = version.compatibilityDate;
  runtime["compatibility_flags"] = flagsOf(version.compatibilityFlags);
  runtime["usage_model"] = "standard";
  runtime["limits"] = parseObject(version.limits);

  json::object out;
  out["id"] = version.id;
  out["number"] = version.sequence;
  out["metadata"] = std::move(metadata);
  out["annotations"] = parseObject(version.annotations);
  out["startup_time_ms"] = version.check.startupMs;
  out["start"] = {{"from", version.check.kind == catalog::StartKind::kHeapSnapshot ? "snapshot"
                           : version.check.kind == catalog::StartKind::kCodeCache  ? "code-cache"
                                                                                   : "source"},
                  {"reason", version.check.reason}};
  out["resources"] = {{"script", std::move(script)},
                      {"script_runtime", std::move(runtime)},
                      {"bindings", parseArray(version.bindings)}};
  return out;
}

json::object deploymentJson(const catalog::Deployment& deployment) {
  json::array versions;
  constexpr uint32_t kPercent = catalog::kWholeShare / 100;
  for (const auto& each : deployment.versions) {
    const json::value percentage = each.share % kPercent == 0 ? json::value(each.share / kPercent)
                                                              : json::value(static_cast<double>(each.share) / kPercent);
    versions.push_back({{"version_id", each.version}, {"percentage", percentage}});
  }
  json::object out;
  out["id"] = deployment.id;
  out["created_on"] = isoTime(deployment.createdMs);
  out["source"] = deployment.source;
  out["strategy"] = deployment.strategy;
  out["author_email"] = deployment.author;
  out["annotations"] = parseObject(deployment.annotations);
  out["versions"] = std::move(versions);
  return out;
}

}  // namespace weir::control
