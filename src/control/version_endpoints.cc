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
  StoreOptions options;
  options.deploy = false;
  options.withSettings = false;
  const auto stored = storeForm(context, request, *form, options);
  if (!stored.ok()) return stored.error();
  return answer(versionJson(stored->version, hasPreview(context, request, *script)), stored->problems);
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
  return {Endpoint{"POST", "accounts/:account/workers/scripts/:script/versions",
                   "Upload a version of a Worker, without deploying it", "Version", upload, kUploadBodyBytesMax}
              .takesForm(),
          {"GET", "accounts/:account/workers/scripts/:script/versions", "List the versions of a Worker, newest first",
           "Versions", list},
          {"GET", "accounts/:account/workers/scripts/:script/versions/:version", "Show a version", "Version", view}};
}

}  // namespace weir::control
