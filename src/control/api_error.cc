#include "control/api_error.h"

namespace weir::control {

namespace {

// Words that the catalog cannot know: those of the reference.
uint16_t statusOf(catalog::Situation situation) {
  using enum catalog::Situation;
  switch (situation) {
    case kStoreFailed: return 500;
    case kTokenNotFound:
    case kScriptNotFound:
    case kRouteNotFound:
    case kZoneNotFound:
    case kNoSubdomain:
    case kVersionNotFound:
    case kDomainNotFound:
    case kAccountNotFound: return 404;
    case kTooManyTokens:
    case kTooManyScripts:
    case kTooManySchedules:
    case kTooManyRoutes:
    case kTooManyDomains: return 403;
    case kTokenExists:
    case kConcurrentChange:
    case kDuplicateRoute:
    case kDuplicateDomain:
    case kZoneExists:
    case kAccountExists:
    case kSubdomainTaken:
    case kScriptInUse:
    case kAccountInUse: return 409;
    default: return 400;
  }
}

// The number of Workers in the catalog's message: "the account has 500 scripts, …".
std::string firstNumber(std::string_view text) {
  const size_t from = text.find_first_of("0123456789");
  if (from == std::string_view::npos) return {};
  return std::string(text.substr(from, text.find_first_not_of("0123456789", from) - from));
}

std::string sentence(std::string_view text) {
  std::string out(text);
  if (!out.empty() && out[0] >= 'a' && out[0] <= 'z') out[0] = static_cast<char>(out[0] - 32);
  if (!out.ends_with('.')) out += '.';
  return out;
}

}  // namespace

ApiError apiError(const catalog::Error& error) {
  switch (error.situation) {
    case catalog::Situation::kScriptNotFound: return workerNotFound();
    case catalog::Situation::kBadScriptName: return badWorkerName();
    case catalog::Situation::kConcurrentChange: return concurrentChange();
    case catalog::Situation::kTooManyScripts:
      return {403,
              10037,
              "Worker limit reached: your account allows " + firstNumber(error.message) +
                  " Workers. Delete unused Workers or upgrade your plan for a higher limit. See limits documentation: "
                  "https://developers.cloudflare.com/workers/platform/limits/#number-of-workers",
              {}};
    case catalog::Situation::kStoreFailed: return internalError(error.message);
    case catalog::Situation::kAccountNotFound: return accountNotAllowed();
    default: return {statusOf(error.situation), static_cast<uint32_t>(error.situation), sentence(error.message), {}};
  }
}

ApiError authenticationFailed() {
  return {403,
          10000,
          "Authentication failed. Verify your API token or credentials are valid and not expired, then try again.",
          {}};
}

ApiError accountNotAllowed() {
  return {
      403,
      9109,
      "Unauthorized to access requested resource: there is no such account for these credentials. Verify the account's id "
      "(account_id, CLOUDFLARE_ACCOUNT_ID) and try again.",
      {}};
}

ApiError notAllowed(std::string_view what) {
  return {403, 10023, "Unauthorized: this API token does not allow " + std::string(what) + ".", {}};
}

ApiError wrongContentType(std::string_view accepted) {
  return {415,
          10001,
          "Content-Type must be one of: " + std::string(accepted) + ". Update the Content-Type header and try again.",
          {}};
}

ApiError internalError(std::string_view what) { return {500, 10002, "Internal error: " + std::string(what) + ".", {}}; }

ApiError malformedParameter(std::string_view name) {
  return {400, 10004, "The parameter " + std::string(name) + " is malformed.", {}};
}

ApiError badUpload(std::string_view why) {
  ApiError error{
      400,
      10006,
      "Failed to parse Worker upload. The upload format is invalid or corrupted. Verify your script is valid "
      "JavaScript/TypeScript and the multipart form is correctly structured, then try again.",
      {}};
  if (!why.empty()) error.chain.push_back({400, 10006, sentence(why), {}});
  return error;
}

ApiError workerNotFound() {
  return {
      404,
      10007,
      "This Worker does not exist on your account. Verify the Worker name is correct and try again. To create a new "
      "Worker, use wrangler deploy or the dashboard.",
      {}};
}

ApiError notEntitled(std::string_view what) {
  return {403, 10015, "Your account does not have access to this feature: " + std::string(what) + ".", {}};
}

ApiError badWorkerName() {
  return {400,
          10016,
          "Invalid Worker name. Names must start with a letter, be lowercase, and contain only alphanumeric characters "
          "and dashes.",
          {}};
}

ApiError invalidScript(std::string text) { return {400, 10021, std::move(text), {}}; }

ApiError badBody(std::string_view why) {
  ApiError error{400,
                 10026,
                 "Could not parse request body. Verify the request format matches the API specification and try again.",
                 {}};
  if (!why.empty()) error.chain.push_back({400, 10026, sentence(why), {}});
  return error;
}

ApiError scriptTooLarge(uint64_t bytesMax) {
  return {400,
          10027,
          "Worker exceeds the size limit of " + std::to_string(bytesMax >> 20) +
              " MiB. Reduce your script size or upgrade your plan, then try again.",
          {}};
}

ApiError concurrentChange() {
  return {
      409, 10035, "Multiple attempts to modify a resource at the same time. Wait a moment and retry your request.", {}};
}

ApiError noRoute() {
  return {
      404,
      7003,
      "Could not route to this path: there is nothing here. Perhaps an object identifier is wrong, or what it is about "
      "is not served here; GET /client/v4/openapi.json lists what is.",
      {}};
}

ApiError methodNotAllowed() { return {405, 7001, "This method is not available for that URI.", {}}; }

ApiError tooBusy() { return {503, 10013, "Too many requests are being worked on. Wait a moment and try again.", {}}; }

}  // namespace weir::control
