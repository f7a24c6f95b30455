// ApiRouter: which endpoint a path of the management API means.
//
// Paths are split at slashes, empty segments dropped (clients glue base and path together), and only then decoded, so
// that a name may hold an escaped slash.
//
// Pure; immutable once made. Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/api_request.h"

namespace weir::control {

struct ApiContext;

enum class Access : uint8_t {
  kByMethod,  // GET asks for reading, anything else for writing
  kRead,      // whatever the method
  kOpen,      // anybody: the endpoint looks for itself
};

inline constexpr uint64_t kJsonBodyBytesMax = 2u << 20;
inline constexpr uint64_t kUploadBodyBytesMax = 100u << 20;

// What a request's body is.
enum class Media : uint8_t { kJson, kForm };

struct Endpoint {
  const char* method;
  // Below /client/v4, without a slash at either end: "accounts/:account/workers/scripts". A parameter `:account` is
  // always an account's id, `:script` always the name of a script in it: both are checked before the endpoint runs. It
  // may end in the names of what the endpoint reads of the query: "zones?name&page".
  const char* pattern;
  const char* summary;  // in the imperative, without a full stop; openapi.h
  // What its answers hold: a name of result_schemas.h, "NAME[]" for a list of it, "null", "raw" for one without the
  // envelope; null pointer: it refuses every call.
  const char* result;
  ApiResult (*handle)(ApiContext& context, const ApiRequest& request);
  uint64_t bodyBytesMax = kJsonBodyBytesMax;
  Access access = Access::kByMethod;
  // Of kOpen: looks at the head of a call before any more of its body is read. Null: everybody may send one.
  std::optional<ApiError> (*admit)(ApiContext& context, const ApiRequest& request) = nullptr;
  Media takes = Media::kJson;

  Endpoint takesForm() const {
    Endpoint other = *this;
    other.takes = Media::kForm;
    return other;
  }
};

class ApiRouter {
 public:
  explicit ApiRouter(std::vector<Endpoint> endpoints);

  static constexpr std::string_view kBase = "/client/v4";
  // Whether a request target is of the management API at all.
  static bool owns(std::string_view target);

  struct Match {
    const Endpoint* endpoint;
    std::vector<std::pair<std::string_view, std::string>> parameters;
    std::vector<std::pair<std::string, std::string>> query;
  };
  // `target` as `owns` it, with its query. The error is 7003, 7001 or 10004.
  ApiTry<Match> match(std::string_view method, std::string_view target) const;

  std::span<const Endpoint> endpoints() const { return endpoints_; }

 private:
  std::vector<Endpoint> endpoints_;
  std::vector<std::vector<std::string_view>> patterns_;  // of each, split
};

// Percent-decoded; nullopt: an escape is broken, or it would hold a NUL.
std::optional<std::string> decodePercent(std::string_view text, bool plusIsSpace);

}  // namespace weir::control
