#include "control/version_upload.h"

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "control/asset_upload.h"
#include "control/api_router.h"
#include "control/script_json.h"
#include "control/secret_mask.h"

namespace weir::control {

namespace json = boost::json;

namespace {

// A script whose every handler is one of these is refused: no event would ever reach it.
constexpr std::string_view kUnsupportedHandlers[] = {"alarm", "test", "connect"};

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    const auto one = list.substr(0, list.find(','));
    if (!one.empty()) out.emplace_back(one);
    list.remove_prefix(std::min(list.size(), one.size() + 1));
  }
  return out;
}

// Keeps the profile, and says where it is.
std::string profileNote(ApiContext& context, const ApiRequest& request, const std::string& profile) {
  const auto host = request.head.headers.find("host");
  if (profile.empty() || !host || !context.parts.profiles.put(request.account(), request.script(), profile).ok())
    return {};
  return "\n  Its CPU profile: weir profile " + request.script() + " --startup, or http://" + std::string(*host) +
         std::string(ApiRouter::kBase) + "/accounts/" + request.account() + "/workers/scripts/" + request.script() +
         "/startup-profile";
}

ApiError refusalOf(ApiContext& context, const ApiRequest& request, const sandbox::StartRefusal& refusal) {
  if (refusal.failure == wire::StartFailure::kNoHandlers) {
    return {
        400,
        10068,
        "Worker has no event handlers. Export a fetch handler, scheduled handler, or other supported handler and try "
        "again.",
        {}};
  }
  return invalidScript(refusal.message + profileNote(context, request, refusal.profile));
}

// What its check finds out of it, in a throwaway engine; handlers are separated by commas.
ApiTry<sandbox::VersionRecord> checkUpload(ApiContext& context, const ApiRequest& request, const RulesSource& source,
                                           const Upload& upload) {
  const std::string& account = request.account();
  const std::string& script = request.script();
  // Only a script in service-worker format sees the values of its bindings while it is checked.
  catalog::SecretTexts secrets;
  secrets.byName = upload.bindings.secrets;
  if (upload.syntax == catalog::VersionSyntax::kServiceWorker) {
    for (const auto& kept : upload.bindings.kept) {
      auto text = context.parts.keys.open({account, script, kept.name}, kept);
      if (!text.ok()) return internalError("secret " + kept.name + ": " + text.error().message);
      secrets.byName[kept.name] = text->view();
    }
  }
  const BundleSource bundle{account,
                            script,
                            upload.syntax,
                            upload.compatibilityDate,
                            upload.compatibilityFlags,
                            upload.bindings.entries,
                            upload.modules,
                            secrets.byName,
                            versionLimits(source.limits, upload.limits)};
  auto toCheck = makeCheckBundle(bundle);
  if (!toCheck.ok()) return scriptTooLarge(source.limits.bundleBytes);
  auto verdict = context.parts.checks.check(*toCheck, script);
  if (!verdict.ok()) return internalError("the Worker could not be checked: " + verdict.error().message);
  if (auto* refusal = std::get_if<sandbox::StartRefusal>(&*verdict)) {
    refusal->message = maskSecrets(std::move(refusal->message), secrets.byName);
    return refusalOf(context, request, *refusal);
  }
  auto record = std::get<sandbox::VersionRecord>(std::move(*verdict));
  const auto handlers = split(record.handlers);
  if (std::all_of(handlers.begin(), handlers.end(), [](const auto& handler) {
        return std::find(std::begin(kUnsupportedHandlers), std::end(kUnsupportedHandlers), handler) !=
               std::end(kUnsupportedHandlers);
      })) {
    return ApiError{400, 10069, "The uploaded Worker contains event handlers unsupported by the Workers runtime.", {}};
  }
  return record;
}

}  // namespace

ApiTry<std::optional<Newest>> findNewest(ApiContext& context, const std::string& account, const std::string& script,
                                         bool withModules) {
  auto versions = context.catalog.versions(account, script);
  if (!versions.ok()) {
    if (versions.error().situation == catalog::Situation::kScriptNotFound) return std::optional<Newest>();
    return apiError(versions.error());
  }
  if (versions->empty()) return std::optional<Newest>();
  Newest newest;
  newest.version = std::move(versions->front());
  newest.base.id = newest.version.id;
  newest.base.bindings = parseArray(newest.version.bindings);
  auto secrets = context.catalog.secrets(newest.version.number);
  if (!secrets.ok()) return apiError(secrets.error());
  newest.base.secrets = std::move(secrets).value();
  if (withModules) {
    auto modules = context.catalog.modules(newest.version.number);
    if (!modules.ok()) return apiError(modules.error());
    newest.base.modules = std::move(modules).value();
  }
  return std::optional<Newest>(std::move(newest));
}

ApiTry<RulesSource> rulesSource(ApiContext& context, const ApiRequest& request) {
  auto account = context.catalog.findAccount(request.account());
  if (!account.ok()) return apiError(account.error());
  RulesSource source;
  source.limits = account->limits();
  source.account = std::move(account).value();
  source.today = isoTime(static_cast<int64_t>(context.parts.clock.wallMs())).substr(0, 10);
  return source;
}

UploadRules rulesOf(ApiContext& context, const ApiRequest& request, const RulesSource& source) {
  return {request.script(), source.limits, source.today, [&context, &request](std::string_view name) {
            return context.catalog.findScript(request.account(), name).ok() ||
                   context.parts.isServed(request.account(), name);
          }};
}

ApiTry<std::vector<std::string>> takeAssets(ApiContext& context, const ApiRequest& request,
                                            const json::object& metadata, const std::optional<Newest>& newest,
                                            Upload& upload) {
  std::optional<catalog::VersionAssets> before;
  if (newest && newest->version.hasAssets && metadata.contains("keep_assets")) {
    auto found = context.catalog.assets().assetsOf(newest->version.number);
    if (!found.ok()) return apiError(found.error());
    before = std::move(found).value();
  }
  auto given = readAssets(context, request.account(), request.script(), metadata, before);
  if (!given.ok()) return given.error();
  upload.assets = std::move(given->assets);
  if (upload.assets) return std::move(given->problems);
  if (upload.modules.empty()) return badUpload("the upload has neither code nor static assets");
  for (const auto& entry : upload.bindings.entries) {
    const auto& binding = entry.as_object();
    if (const auto* type = binding.if_contains("type"); type == nullptr || *type != json::value("assets")) continue;
    const auto* name = binding.if_contains("name");
    return invalidScript("binding " + std::string(name != nullptr && name->is_string() ? name->get_string() : "") +
                         " of type assets needs static assets, and the upload has none");
  }
  return std::move(given->problems);
}

ApiTry<catalog::Version> storeUpload(ApiContext& context, const ApiRequest& request, const RulesSource& source,
                                     Upload upload, const StoreOptions& options) {
  const std::string& account = request.account();
  const std::string& script = request.script();
  sandbox::VersionRecord record;
  if (!upload.modules.empty()) {  // static assets alone have nothing to run
    auto checked = checkUpload(context, request, source, upload);
    if (!checked.ok()) return checked.error();
    record = std::move(checked).value();
  }

  catalog::NewVersion version;
  version.account = account;
  version.script = script;
  version.source = request.source();
  version.author = request.principal.email;
  version.annotations = upload.annotations;
  version.syntax = upload.syntax;
  version.compatibilityDate = upload.compatibilityDate;
  version.compatibilityFlags = upload.compatibilityFlags;
  version.bindings = json::serialize(upload.bindings.entries);
  version.limits = upload.limits;
  version.etag = etagOf(upload.modules);
  version.alias = upload.alias;
  if (upload.assets) {
    const std::string text = version.etag + " " + std::to_string(upload.assets->set) + " " + upload.assets->config;
    const auto bytes = std::as_bytes(std::span(text));
    version.etag = etagOf({{"assets", catalog::ModuleKind::kData, "", {bytes.begin(), bytes.end()}}});
  }
  version.check.kind = !record.image                                          ? catalog::StartKind::kCompiled
                       : record.image->source == wire::StartSource::kSnapshot ? catalog::StartKind::kHeapSnapshot
                                                                              : catalog::StartKind::kCodeCache;
  version.check.reason = record.reason;
  version.check.startupMs = static_cast<uint32_t>((record.startupUs + 500) / 1000);
  json::array names;
  for (const auto& handler : split(record.handlers)) names.emplace_back(handler);
  version.check.handlers = json::serialize(names);
  version.modules = std::move(upload.modules);
  version.assets = std::move(upload.assets);
  version.secrets = std::move(upload.bindings.kept);
  // Another process may have changed keys; if it does so just now, addVersion refuses what is sealed here.
  if (const auto key = context.catalog.secretKey(); key.ok() && *key) (void)context.parts.keys.use(**key);
  for (auto& [name, text] : upload.bindings.secrets) {
    version.secrets.push_back(context.parts.keys.seal({account, script, name}, text));
    catalog::wipe(text);
  }
  version.expectedNewest = options.expectedNewest;
  if (options.withSettings && !upload.settings.empty()) {
    auto known = context.catalog.findScript(account, script);
    json::object settings = known.ok() ? parseObject(known->settings) : json::object();
    for (const auto& [name, value] : upload.settings) settings[name] = value;
    version.settings = json::serialize(settings);
  }

  std::optional<catalog::NewDeployment> deployment;
  if (options.deploy) {
    deployment.emplace();
    deployment->source = version.source;
    deployment->author = version.author;
    json::object annotations = parseObject(upload.annotations);
    if (!options.triggeredBy.empty()) annotations["workers/triggered_by"] = options.triggeredBy;
    deployment->annotations = json::serialize(annotations);
  }
  auto stored = context.catalog.addVersion(version, deployment);
  if (!stored.ok()) {
    if (stored.error().situation == catalog::Situation::kTooLarge) return scriptTooLarge(source.limits.bundleBytes);
    return apiError(stored.error());
  }
  if (options.deploy || !upload.alias.empty()) context.parts.publish();
  return std::move(stored).value();
}

namespace {

struct FromNewest {
  bool mustBeDeployed = true;
  bool deploy = true;
  std::string annotations;
  ApiError noVersions;
};

ApiTry<catalog::Version> makeFromNewest(ApiContext& context, const ApiRequest& request, const EditUpload& edit,
                                        const FromNewest& how) {
  auto newest = findNewest(context, request.account(), request.script(), true);
  if (!newest.ok()) return newest.error();
  if (!*newest) return how.noVersions;
  const auto& version = (*newest)->version;
  if (how.mustBeDeployed) {
    auto deployments = context.catalog.deployments(request.account(), request.script());
    if (!deployments.ok()) return apiError(deployments.error());
    if (deployments->empty() || deployments->front().versions.size() != 1 ||
        deployments->front().versions.front().version != version.id) {
      return ApiError{400,
                      10215,
                      "The latest version of this Worker is not deployed: deploy it, or use the commands of versions "
                      "secret to make a new version.",
                      {}};
    }
  }
  auto source = rulesSource(context, request);
  if (!source.ok()) return source.error();
  BaseVersion& base = (*newest)->base;
  Upload upload;
  upload.syntax = version.syntax;
  upload.modules = std::move(base.modules);
  upload.bindings.entries = base.bindings;
  upload.bindings.kept = base.secrets;
  upload.compatibilityDate = version.compatibilityDate;
  upload.compatibilityFlags = version.compatibilityFlags;
  upload.limits = version.limits;
  if (version.hasAssets) {
    auto assets = context.catalog.assets().assetsOf(version.number);
    if (!assets.ok()) return apiError(assets.error());
    upload.assets = std::move(assets).value();
  }
  upload.annotations = how.annotations;
  if (auto error = edit(base, rulesOf(context, request, *source), upload)) return *error;
  StoreOptions options;
  options.deploy = how.deploy;
  options.expectedNewest = version.id;
  return storeUpload(context, request, *source, std::move(upload), options);
}

EditUpload editing(const EditBindings& edit) {
  return [&edit](const BaseVersion& base, const UploadRules& rules, Upload& upload) -> std::optional<ApiError> {
    auto bindings = edit(base, rules);
    if (!bindings.ok()) return bindings.error();
    upload.bindings = std::move(bindings).value();
    return std::nullopt;
  };
}

}  // namespace

ApiTry<catalog::Version> changeBindings(ApiContext& context, const ApiRequest& request, const EditBindings& edit,
                                        bool mustBeDeployed) {
  const json::object annotations{{"workers/triggered_by", "secret"}};
  return makeFromNewest(context, request, editing(edit),
                        {mustBeDeployed, true, json::serialize(annotations), workerNotFound()});
}

ApiTry<catalog::Version> changeVersion(ApiContext& context, const ApiRequest& request, const EditUpload& edit) {
  return makeFromNewest(context, request, edit, {false, true, "{}", workerNotFound()});
}

ApiTry<catalog::Version> uploadBindings(ApiContext& context, const ApiRequest& request, const EditBindings& edit,
                                        std::string annotations, const ApiError& noVersions) {
  return makeFromNewest(context, request, editing(edit), {false, false, std::move(annotations), noVersions});
}

ApiTry<StoredForm> storeForm(ApiContext& context, const ApiRequest& request, const UploadForm& form,
                             StoreOptions options) {
  auto source = rulesSource(context, request);
  if (!source.ok()) return source.error();
  auto newest = findNewest(context, request.account(), request.script(), form.metadata.contains("body_part"));
  if (!newest.ok()) return newest.error();
  const BaseVersion* const base = *newest ? &(*newest)->base : nullptr;
  auto read = readUpload(form, base, rulesOf(context, request, *source));
  if (!read.ok()) return read.error();
  auto problems = takeAssets(context, request, form.metadata, *newest, *read);
  if (!problems.ok()) return problems.error();
  for (auto& note : notesOn(form.metadata)) problems->push_back(std::move(note));
  options.expectedNewest = base != nullptr ? base->id : std::string();
  auto version = storeUpload(context, request, *source, std::move(read).value(), options);
  if (!version.ok()) return version.error();
  return StoredForm{std::move(version).value(), std::move(problems).value()};
}

}  // namespace weir::control
