// Scripts: upload, list, content, removal.
#include <array>
#include <boost/json.hpp>

#include "catalog/hostname.h"
#include "control/api_table.h"
#include "control/script_json.h"
#include "control/version_upload.h"

namespace weir::control {

namespace json = boost::json;

namespace {

ApiResult listScripts(ApiContext& context, const ApiRequest& request) {
  auto scripts = context.catalog.scripts(request.account());
  if (!scripts.ok()) return apiError(scripts.error());
  // There may be ten thousand: each is made into text in the same memory.
  std::array<unsigned char, 8 << 10> memory;
  std::vector<std::string> all;
  all.reserve(scripts->size());
  for (const auto& script : *scripts) {
    if (!request.principal.reachesScript(script.name)) continue;
    json::monotonic_resource storage(memory.data(), memory.size());
    all.push_back(json::serialize(scriptJson(script, nullptr, &storage)));
  }
  return answerList(all);
}

ApiResult upload(ApiContext& context, const ApiRequest& request) {
  auto form = readUploadForm(request.contentType(), request.body);
  if (!form.ok()) return form.error();
  if (!catalog::isScriptName(request.script())) return badWorkerName();
  const auto stored = storeForm(context, request, *form, {});
  if (!stored.ok()) return stored.error();
  const auto& version = stored->version;
  auto script = context.catalog.findScript(request.account(), request.script());
  if (!script.ok()) return apiError(script.error());
  json::object out = scriptJson(*script, &version);
  out["startup_time_ms"] = version.check.startupMs;
  out["deployment_id"] = version.id;
  out["pipeline_hash"] = version.etag;
  return answer(std::move(out), stored->problems);
}

// The modules of a version as they were uploaded; of a script in service-worker format, the script.
ApiResult content(ApiContext& context, const ApiRequest& request) {
  auto versions = context.catalog.versions(request.account(), request.script());
  if (!versions.ok()) return apiError(versions.error());
  const auto wanted = request.find("version");
  const catalog::Version* version = nullptr;
  for (const auto& each : *versions) {
    if (version == nullptr && (!wanted || each.id == *wanted)) version = &each;
  }
  if (version == nullptr) return workerNotFound();
  auto modules = context.catalog.modules(version->number);
  if (!modules.ok()) return apiError(modules.error());
  if (modules->empty())
    return ApiError{400, 10021, "This version has static assets and no code, so there is no content to get.", {}};
  const auto textOf = [](const catalog::Module& module) {
    return std::string_view(reinterpret_cast<const char*>(module.content.data()), module.content.size());
  };
  ApiAnswer made;
  if (version->syntax == catalog::VersionSyntax::kServiceWorker) {
    made.type = "application/javascript";
    made.body = textOf(modules->front());
    return made;
  }
  http::MultipartWriter writer(http::MultipartWriter::newBoundary(context.parts.random));
  for (const auto& module : *modules) writer.add(module.name, module.name, module.contentType, textOf(module));
  made.type = writer.contentType();
  made.headers.emplace_back("cf-entrypoint", modules->front().name);
  made.headers.emplace_back("etag", "\"" + version->etag + "\"");
  made.body = std::move(writer).finish();
  return made;
}

ApiResult remove(ApiContext& context, const ApiRequest& request) {
  if (auto removed = context.catalog.removeScript(request.account(), request.script()); !removed.ok())
    return apiError(removed.error());
  context.parts.publish();
  return answer(json::object{{"id", request.script()}});
}

}  // namespace

std::vector<Endpoint> scriptEndpoints() {
  return {{"GET", "accounts/:account/workers/scripts", "List Workers", "Script[]", listScripts},
          Endpoint{"PUT", "accounts/:account/workers/scripts/:script", "Upload a Worker and deploy it", "Script",
                   upload, kUploadBodyBytesMax}
              .takesForm(),
          Endpoint{"GET", "accounts/:account/workers/scripts/:script?version", "Download a Worker's content", "raw",
                   content},
          {"DELETE", "accounts/:account/workers/scripts/:script", "Remove a Worker", "Id", remove},
          Endpoint{"GET", "accounts/:account/workers/scripts/:script/content?version", "Download a Worker's content",
                   "raw", content},
          Endpoint{"GET", "accounts/:account/workers/scripts/:script/content/v2?version",
                   "Download the content of a version", "raw", content},
          {"DELETE", "accounts/:account/workers/services/:script", "Remove a Worker", "Id", remove}};
}

}  // namespace weir::control
