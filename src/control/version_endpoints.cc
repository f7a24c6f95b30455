// Versions: upload without deploying, list, view.
#include <boost/json.hpp>

#include "control/api_table.h"
#include "control/script_json.h"
#include "control/version_upload.h"

namespace weir::control {

namespace json = boost::json;

namespace {

bool hasPreview(ApiContext& context, const ApiRequest& request, const catalog::Script& script) {
  if (!script.previews) return false;
  auto account = context.catalog.findAccount(request.account());
  return account.ok() && account->subdomain.has_value();
}

ApiResult upload(ApiContext& context, const ApiRequest& request) {
  auto form = readUploadForm(request.contentType(), request.body);
  if (!form.ok()) return form.error();
  auto script = context.catalog.findScript(request.account(), request.script());
  if (!script.ok()) return apiError(script.error());
  auto source = rulesSource(context, request);
  if (!source.ok()) return source.error();
  auto newest = findNewest(context, request.account(), request.script(), form->metadata.contains("body_part"));
  if (!newest.ok()) return newest.error();
  const BaseVersion* const base = *newest ? &(*newest)->base : nullptr;
  auto read = readUpload(*form, base, rulesOf(context, request, *source));
  if (!read.ok()) return read.error();
  const auto problems = takeAssets(context, request, form->metadata, *newest, *read);
  if (!problems.ok()) return problems.error();
  StoreOptions options;
  options.deploy = false;
  options.withSettings = false;
  options.expectedNewest = base != nullptr ? base->id : std::string();
  auto version = storeUpload(context, request, *source, std::move(read).value(), options);
  if (!version.ok()) return version.error();
  return answer(versionJson(*version, hasPreview(context, request, *script)), *problems);
}

ApiResult list(ApiContext& context, const ApiRequest& request) {
  auto script = context.catalog.findScript(request.account(), request.script());
  if (!script.ok()) return apiError(script.error());
  auto versions = context.catalog.versions(request.account(), request.script());
  if (!versions.ok()) return apiError(versions.error());
  const bool preview = hasPreview(context, request, *script);
  json::array items;
  for (const auto& version : *versions) items.push_back(versionJson(version, preview));
  return answer(json::object{{"items", std::move(items)}});
}

ApiResult view(ApiContext& context, const ApiRequest& request) {
  auto script = context.catalog.findScript(request.account(), request.script());
  if (!script.ok()) return apiError(script.error());
  auto version = context.catalog.findVersion(request.account(), request.script(), request.parameter("version"));
  if (!version.ok()) return apiError(version.error());
  return answer(versionJson(*version, hasPreview(context, request, *script)));
}

}  // namespace

std::vector<Endpoint> versionEndpoints() {
  return {{"POST", "accounts/:account/workers/scripts/:script/versions", upload, kUploadBodyBytesMax},
          {"GET", "accounts/:account/workers/scripts/:script/versions", list},
          {"GET", "accounts/:account/workers/scripts/:script/versions/:version", view}};
}

}  // namespace weir::control
