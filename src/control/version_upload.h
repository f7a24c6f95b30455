// How a validated upload becomes a version: it is checked in a throwaway engine, its secrets are sealed, it is stored
// in one piece, and every loop serves by it before the client hears that it worked. Nothing is stored unless it passes.
//
// Threads: any; each call waits.
#pragma once

#include <optional>
#include <string>

#include "control/api_context.h"
#include "control/upload.h"

namespace weir::control {

// The newest version of a script with what a new one may take over from it; nullopt: there is none.
struct Newest {
  catalog::Version version;
  BaseVersion base;
};
ApiTry<std::optional<Newest>> findNewest(ApiContext& context, const std::string& account, const std::string& script,
                                         bool withModules);

// The rules for an upload of this request's script.
struct RulesSource {
  catalog::Account account;
  catalog::PlanLimits limits;
  std::string today;
};
ApiTry<RulesSource> rulesSource(ApiContext& context, const ApiRequest& request);
UploadRules rulesOf(ApiContext& context, const ApiRequest& request, const RulesSource& source);

// What the metadata of an upload says of static assets, into `upload`. Yields what has no effect in _headers and
// _redirects, for the client to know.
ApiTry<std::vector<std::string>> takeAssets(ApiContext& context, const ApiRequest& request,
                                            const boost::json::object& metadata, const std::optional<Newest>& newest,
                                            Upload& upload);

struct StoreOptions {
  bool deploy = true;          // it serves all requests from then on
  std::string expectedNewest;  // id; empty: the script has no version
  std::string triggeredBy;     // for the deployment's annotations; empty: nothing
  bool withSettings = true;    // `Upload::settings` become the script's
};
ApiTry<catalog::Version> storeUpload(ApiContext& context, const ApiRequest& request, const RulesSource& source,
                                     Upload upload, const StoreOptions& options);

// The whole way of an upload as a client sends it. `problems`: as takeAssets, and what else has no effect.
// `options.expectedNewest` is set here.
struct StoredForm {
  catalog::Version version;
  std::vector<std::string> problems;
};
ApiTry<StoredForm> storeForm(ApiContext& context, const ApiRequest& request, const UploadForm& form,
                             StoreOptions options);

// A new version that differs from the newest in its bindings alone, and serves. 10215 when the newest is not what
// serves.
using EditBindings = std::function<ApiTry<Bindings>(const BaseVersion& base, const UploadRules& rules)>;
ApiTry<catalog::Version> changeBindings(ApiContext& context, const ApiRequest& request, const EditBindings& edit,
                                        bool mustBeDeployed);
// The same, not deployed, with annotations of its own (JSON). `noVersions` is the error where there is none to start
// from.
ApiTry<catalog::Version> uploadBindings(ApiContext& context, const ApiRequest& request, const EditBindings& edit,
                                        std::string annotations, const ApiError& noVersions);

// A new version that differs from the newest in what `edit` changes of it, and serves; it is given the newest as an
// upload. Its settings, if it has some, become the script's in the same change.
using EditUpload = std::function<std::optional<ApiError>(const BaseVersion& base, const UploadRules& rules, Upload&)>;
ApiTry<catalog::Version> changeVersion(ApiContext& context, const ApiRequest& request, const EditUpload& edit);

}  // namespace weir::control
