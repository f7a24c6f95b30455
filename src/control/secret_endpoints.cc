// Secrets: each change is a new version, deployed. Their values go in and never come out.
#include <boost/json.hpp>

#include "control/api_table.h"
#include "control/script_json.h"
#include "control/version_upload.h"

namespace weir::control {

namespace json = boost::json;

namespace {

json::object shown(std::string_view name) { return {{"name", name}, {"type", "secret_text"}}; }

bool isSecret(const json::object& binding) { return binding.at("type") == json::value("secret_text"); }

// Every binding of the base but the secret `name`, as a client would send them.
json::array othersOf(const BaseVersion& base, std::string_view name) {
  json::array out;
  for (const auto& binding : base.bindings) {
    const auto& has = binding.as_object().at("name").as_string();
    if (has != name || !isSecret(binding.as_object())) out.push_back({{"name", has}, {"type", "inherit"}});
  }
  return out;
}

ApiResult list(ApiContext& context, const ApiRequest& request) {
  auto newest = findNewest(context, request.account(), request.script(), false);
  if (!newest.ok()) return newest.error();
  if (!*newest) return workerNotFound();
  json::array all;
  for (const auto& binding : (*newest)->base.bindings) {
    const auto& entry = binding.as_object();
    if (isSecret(entry)) all.push_back(shown(entry.at("name").as_string()));
  }
  return answer(std::move(all));
}

ApiResult put(ApiContext& context, const ApiRequest& request) {
  auto given = jsonObjectBody(request.body);
  if (!given.ok()) return given.error();
  const auto* name = given->if_contains("name");
  const auto* text = given->if_contains("text");
  const auto* type = given->if_contains("type");
  if (name == nullptr || !name->is_string() || name->as_string().empty()) {
    return ApiError{400, 10052, "Binding must have a name. Add a name property to the binding and try again.", {}};
  }
  if (text == nullptr || !text->is_string()) return badBody("text must be a string");
  if (type != nullptr && *type != json::value("secret_text"))
    return notEntitled("secrets of this type are not served here");
  auto version = changeBindings(
      context, request,
      [&](const BaseVersion& base, const UploadRules& rules) {
        json::array bindings = othersOf(base, name->as_string());
        bindings.push_back({{"name", *name}, {"type", "secret_text"}, {"text", *text}});
        return readBindings(bindings, {}, &base, nullptr, rules);
      },
      true);
  if (!version.ok()) return version.error();
  return answer(shown(name->as_string()));
}

// A merge: null removes a secret, an object sets it.
ApiTry<Bindings> mergeSecrets(const json::value* secrets, const BaseVersion& base, const UploadRules& rules) {
  if (secrets == nullptr || !secrets->is_object()) return badBody("secrets must be an object");
  json::array bindings;
  for (const auto& [name, secret] : secrets->as_object()) {
    if (secret.is_null()) continue;
    const auto* text = secret.is_object() ? secret.as_object().if_contains("text") : nullptr;
    const auto* type = secret.is_object() ? secret.as_object().if_contains("type") : nullptr;
    if (text == nullptr || !text->is_string()) return badBody("each of the secrets must be null or have a text");
    if (type != nullptr && *type != json::value("secret_text"))
      return notEntitled("secrets of this type are not served here");
    bindings.push_back({{"name", name}, {"type", "secret_text"}, {"text", *text}});
  }
  for (const auto& binding : base.bindings) {
    const auto& name = binding.as_object().at("name").as_string();
    if (!secrets->as_object().contains(name) || !isSecret(binding.as_object()))
      bindings.push_back({{"name", name}, {"type", "inherit"}});
  }
  return readBindings(bindings, {}, &base, nullptr, rules);
}

ApiResult patchAll(ApiContext& context, const ApiRequest& request) {
  auto given = jsonObjectBody(request.body);
  if (!given.ok()) return given.error();
  const auto edit = [&](const BaseVersion& base, const UploadRules& rules) {
    return mergeSecrets(given->if_contains("secrets"), base, rules);
  };
  auto version = changeBindings(context, request, edit, true);
  if (!version.ok()) return version.error();
  return list(context, request);
}

// Of the newest version, as a new one that nothing is deployed of.
ApiResult patchLatest(ApiContext& context, const ApiRequest& request) {
  auto given = jsonObjectBody(request.body);
  if (!given.ok()) return given.error();
  std::string annotations = "{}";
  if (const auto* wanted = given->if_contains("annotations"); wanted != nullptr && !wanted->is_null()) {
    auto text = readAnnotationsOf(*wanted);
    if (!text.ok()) return text.error();
    annotations = std::move(text).value();
  }
  const auto edit = [&](const BaseVersion& base, const UploadRules& rules) {
    return mergeSecrets(given->if_contains("env"), base, rules);
  };
  auto version = uploadBindings(context, request, edit, std::move(annotations),
                                ApiError{404, 10222, "This Worker has no version to start from.", {}});
  if (!version.ok()) return version.error();
  return answer(versionJson(*version, false));
}

ApiResult show(ApiContext& context, const ApiRequest& request) {
  auto newest = findNewest(context, request.account(), request.script(), false);
  if (!newest.ok()) return newest.error();
  if (!*newest) return workerNotFound();
  for (const auto& secret : (*newest)->base.secrets) {
    if (secret.name == request.parameter("secret")) return answer(shown(secret.name));
  }
  return ApiError{404,
                  10056,
                  "Binding " + catalog::shown(request.parameter("secret")) +
                      " not found. Verify the binding name is correct and try again.",
                  {}};
}

ApiResult remove(ApiContext& context, const ApiRequest& request) {
  const std::string& name = request.parameter("secret");
  auto version = changeBindings(
      context, request,
      [&](const BaseVersion& base, const UploadRules& rules) -> ApiTry<Bindings> {
        const auto at = std::find_if(base.secrets.begin(), base.secrets.end(),
                                     [&](const auto& secret) { return secret.name == name; });
        if (at == base.secrets.end()) {
          return ApiError{
              404,
              10056,
              "Binding " + catalog::shown(name) + " not found. Verify the binding name is correct and try again.",
              {}};
        }
        return readBindings(othersOf(base, name), {}, &base, nullptr, rules);
      },
      true);
  if (!version.ok()) return version.error();
  return answer(nullptr);
}

}  // namespace

std::vector<Endpoint> secretEndpoints() {
  return {{"GET", "accounts/:account/workers/scripts/:script/secrets", "List the secrets of a Worker, by name",
           "Secret[]", list},
          {"PUT", "accounts/:account/workers/scripts/:script/secrets", "Set a secret", "Secret", put},
          {"PATCH", "accounts/:account/workers/scripts/:script/secrets-bulk", "Set and remove several secrets",
           "Secret[]", patchAll},
          {"PATCH", "accounts/:account/workers/workers/:script/versions/latest",
           "Set and remove secrets in a new version", "Version", patchLatest},
          {"GET", "accounts/:account/workers/scripts/:script/secrets/:secret", "Show a secret, without its value",
           "Secret", show},
          {"DELETE", "accounts/:account/workers/scripts/:script/secrets/:secret", "Remove a secret", "null", remove}};
}

}  // namespace weir::control
