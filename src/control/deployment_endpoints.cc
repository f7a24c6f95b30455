// Deployments: which versions of a script serve, and in which shares.
#include <boost/json.hpp>
#include <cmath>

#include "control/api_table.h"
#include "control/script_json.h"
#include "control/upload.h"

namespace weir::control {

namespace json = boost::json;

namespace {

ApiError badDeployment(std::string_view why) {
  return {400, 10210, "The deployment is not valid: " + std::string(why) + ".", {}};
}

ApiResult list(ApiContext& context, const ApiRequest& request) {
  auto deployments = context.catalog.deployments(request.account(), request.script());
  if (!deployments.ok()) return apiError(deployments.error());
  json::array all;
  for (const auto& deployment : *deployments) all.push_back(deploymentJson(deployment));
  return answer(json::object{{"deployments", std::move(all)}});
}

ApiTry<catalog::NewDeployment> readDeployment(const ApiRequest& request) {
  auto body = jsonObjectBody(request.body);
  if (!body.ok()) return body.error();
  catalog::NewDeployment deployment;
  deployment.source = request.source();
  deployment.author = request.principal.email;
  if (const auto* strategy = body->if_contains("strategy");
      strategy != nullptr && *strategy != json::value("percentage")) {
    return badDeployment("strategy must be \"percentage\"");
  }
  if (const auto* annotations = body->if_contains("annotations"); annotations != nullptr && !annotations->is_null()) {
    auto text = readAnnotationsOf(*annotations);
    if (!text.ok()) return text.error();
    deployment.annotations = std::move(text).value();
  }
  const auto* versions = body->if_contains("versions");
  if (versions == nullptr || !versions->is_array() || versions->as_array().size() > catalog::kDeployedVersionsMax)
    return badDeployment("versions must be a list of at most " + std::to_string(catalog::kDeployedVersionsMax));
  for (const auto& entry : versions->as_array()) {
    const auto* id = entry.is_object() ? entry.as_object().if_contains("version_id") : nullptr;
    const auto* percentage = entry.is_object() ? entry.as_object().if_contains("percentage") : nullptr;
    json::error_code error;
    const double share = percentage == nullptr ? 100.0 : percentage->to_number<double>(error);
    if (id == nullptr || !id->is_string() || error || !(share >= 0 && share <= 100))
      return badDeployment("each of its versions needs a version_id and a percentage from 0 to 100");
    const auto hundredths = static_cast<uint32_t>(std::lround(share / 100 * catalog::kWholeShare));
    deployment.versions.push_back({std::string(id->as_string()), hundredths});
  }
  return deployment;
}

// Going back to an older version also goes back to the secrets it was made with: said once, done when asked again.
std::optional<ApiError> changedSecrets(ApiContext& context, const ApiRequest& request,
                                       const catalog::NewDeployment& wanted) {
  if (wanted.versions.size() != 1 || request.flag("force")) return std::nullopt;
  auto deployments = context.catalog.deployments(request.account(), request.script());
  if (!deployments.ok() || deployments->empty()) return std::nullopt;
  auto to = context.catalog.findVersion(request.account(), request.script(), wanted.versions.front().version);
  auto from =
      context.catalog.findVersion(request.account(), request.script(), deployments->front().versions.front().version);
  if (!to.ok() || !from.ok() || to->sequence >= from->sequence) return std::nullopt;
  auto before = context.catalog.secrets(from->number);
  auto after = context.catalog.secrets(to->number);
  if (!before.ok() || !after.ok()) return std::nullopt;
  std::map<std::string, int> differ;
  for (const auto& secret : *before) differ[secret.name] = 1;
  for (const auto& secret : *after) {
    const auto same = std::find_if(before->begin(), before->end(), [&](const auto& each) {
      return each.name == secret.name && each.key == secret.key && each.sealed == secret.sealed;
    });
    if (same != before->end()) differ.erase(secret.name);
    else differ[secret.name] = 1;
  }
  if (differ.empty()) return std::nullopt;
  std::string names;
  for (const auto& [name, count] : differ) names += (names.empty() ? "" : ", ") + name;
  return ApiError{400, 10220, "The following secrets have changed: " + names, {}};
}

ApiResult deploy(ApiContext& context, const ApiRequest& request) {
  auto deployment = readDeployment(request);
  if (!deployment.ok()) return deployment.error();
  if (auto error = changedSecrets(context, request, *deployment)) return *error;
  auto deployed = context.catalog.deploy(request.account(), request.script(), *deployment);
  if (!deployed.ok()) return apiError(deployed.error());
  context.parts.publish();
  return answer(deploymentJson(*deployed));
}

ApiResult view(ApiContext& context, const ApiRequest& request) {
  auto deployments = context.catalog.deployments(request.account(), request.script());
  if (!deployments.ok()) return apiError(deployments.error());
  for (const auto& deployment : *deployments) {
    if (deployment.id == request.parameter("deployment")) return answer(deploymentJson(deployment));
  }
  return ApiError{404, 10210, "This deployment does not exist.", {}};
}

}  // namespace

std::vector<Endpoint> deploymentEndpoints() {
  return {{"GET", "accounts/:account/workers/scripts/:script/deployments",
           "List the deployments of a Worker, newest first", "Deployments", list},
          {"GET", "accounts/:account/workers/scripts/:script/deployments/:deployment", "Show a deployment",
           "Deployment", view},
          {"POST", "accounts/:account/workers/scripts/:script/deployments?force",
           "Deploy versions of a Worker, in shares", "Deployment", deploy}};
}

}  // namespace weir::control
