// Settings of a script: bindings, which are its newest version's, and what is not versioned.
#include <algorithm>
#include <boost/json.hpp>

#include "control/api_table.h"
#include "control/script_json.h"
#include "control/version_upload.h"

namespace weir::control {

namespace json = boost::json;

namespace {

// What is not versioned.
json::object scriptSettings(const catalog::Script& script) {
  const json::object stored = parseObject(script.settings);
  json::object out{{"logpush", false},         {"tail_consumers", nullptr},   {"streaming_tail_consumers", nullptr},
                   {"observability", nullptr}, {"placement", json::object()}, {"tags", json::array()}};
  for (auto& member : out) {
    const auto* value = stored.if_contains(member.key());
    if (value != nullptr && !value->is_null()) member.value() = *value;
  }
  return out;
}

ApiResult showScriptSettings(ApiContext& context, const ApiRequest& request) {
  auto script = context.catalog.findScript(request.account(), request.script());
  if (!script.ok()) return apiError(script.error());
  return answer(scriptSettings(*script));
}

ApiTry<catalog::Script> mergeSettings(ApiContext& context, const ApiRequest& request, const json::object& given) {
  auto settings = readScriptSettings(given);
  if (!settings.ok()) return settings.error();
  auto script = context.catalog.findScript(request.account(), request.script());
  if (!script.ok()) return apiError(script.error());
  json::object merged = parseObject(script->settings);
  for (const auto& [name, value] : *settings) merged[name] = value;
  catalog::ScriptChange change;
  change.settings = json::serialize(merged);
  auto changed = context.catalog.changeScript(request.account(), request.script(), change);
  if (!changed.ok()) return apiError(changed.error());
  return std::move(changed).value();
}

ApiResult patchScriptSettings(ApiContext& context, const ApiRequest& request) {
  auto given = jsonObjectBody(request.body);
  if (!given.ok()) return given.error();
  auto script = mergeSettings(context, request, *given);
  if (!script.ok()) return script.error();
  return answer(scriptSettings(*script));
}

ApiResult show(ApiContext& context, const ApiRequest& request) {
  auto script = context.catalog.findScript(request.account(), request.script());
  if (!script.ok()) return apiError(script.error());
  auto newest = findNewest(context, request.account(), request.script(), false);
  if (!newest.ok()) return newest.error();
  json::object out = scriptSettings(*script);
  out["usage_model"] = "standard";
  out["bindings"] = json::array();
  if (*newest) {
    const json::object shown = versionJson((*newest)->version, false);
    const auto& runtime = shown.at("resources").at("script_runtime").as_object();
    out["bindings"] = shown.at("resources").at("bindings");
    out["compatibility_date"] = runtime.at("compatibility_date");
    out["compatibility_flags"] = runtime.at("compatibility_flags");
    out["limits"] = runtime.at("limits");
    out["annotations"] = shown.at("annotations");
  }
  return answer(out);
}

// A JSON body, or a form whose one field `settings` is JSON.
ApiTry<json::object> settingsBody(const ApiRequest& request) {
  if (!http::isMultipartForm(request.contentType())) return jsonObjectBody(request.body);
  auto boundary = http::multipartBoundary(request.contentType());
  if (!boundary.ok()) return badBody(boundary.error().message);
  auto parts = http::parseMultipart(std::as_bytes(std::span(request.body.data(), request.body.size())), *boundary);
  if (!parts.ok()) return badBody(parts.error().message);
  const auto* settings = http::findPart(*parts, "settings");
  if (settings == nullptr) return badBody("there is no field named settings");
  return jsonObjectBody(settings->text());
}

// Of a version and not of its script: to change one is to make another version.
constexpr const char* kVersionMembers[] = {"bindings", "compatibility_date", "compatibility_flags", "limits"};

// In one change, whichever they are of.
ApiResult patch(ApiContext& context, const ApiRequest& request) {
  auto given = settingsBody(request);
  if (!given.ok()) return given.error();
  const auto isThere = [&](const char* name) {
    const auto* value = given->if_contains(name);
    return value != nullptr && !value->is_null();
  };
  const bool ofVersion = std::any_of(std::begin(kVersionMembers), std::end(kVersionMembers), isThere);
  if (!ofVersion) {
    if (auto merged = mergeSettings(context, request, *given); !merged.ok()) return merged.error();
    return show(context, request);
  }
  auto version =
      changeVersion(context, request,
                    [&](const BaseVersion& base, const UploadRules& rules, Upload& upload) -> std::optional<ApiError> {
                      if (isThere("bindings")) {
                        auto bindings = patchBindings(given->at("bindings"), base, rules);
                        if (!bindings.ok()) return bindings.error();
                        if (!bindings->secrets.empty())
                          upload.annotations = json::serialize(json::object{{"workers/triggered_by", "secret"}});
                        upload.bindings = std::move(bindings).value();
                      }
                      if (auto error = readRuntime(*given, rules, upload)) return error;
                      auto settings = readScriptSettings(*given);
                      if (!settings.ok()) return settings.error();
                      upload.settings = std::move(settings).value();
                      return std::nullopt;
                    });
  if (!version.ok()) return version.error();
  return show(context, request);
}

}  // namespace

std::vector<Endpoint> settingsEndpoints() {
  return {{"GET", "accounts/:account/workers/scripts/:script/settings",
           "Show the settings of a Worker and of its newest version", "Settings", show},
          Endpoint{"PATCH", "accounts/:account/workers/scripts/:script/settings",
                   "Change settings, in a new version where they are a version's", "Settings", patch}
              .takesForm(),
          {"GET", "accounts/:account/workers/scripts/:script/script-settings", "Show the settings of a Worker",
           "ScriptSettings", showScriptSettings},
          {"PATCH", "accounts/:account/workers/scripts/:script/script-settings", "Change the settings of a Worker",
           "ScriptSettings", patchScriptSettings}};
}

}  // namespace weir::control
