// ApiError: a refusal of the management API, in the numbers and words of reference/error-codes.md §4.
//
// A value. Threads: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "catalog/error.h"

namespace weir::control {

struct ApiError {
  uint16_t status = 400;  // of HTTP
  uint32_t code = 0;
  std::string message;
  std::vector<ApiError> chain;     // what it follows from
  uint32_t retryAfterSeconds = 0;  // 0: asking again makes no difference
};

// What the catalog answers, as the API says it.
ApiError apiError(const catalog::Error& error);

ApiError authenticationFailed();                       // 10000
ApiError accountNotAllowed();                          // 9109
ApiError notAllowed(std::string_view what);            // 10023: the token's scope does not reach so far
ApiError wrongContentType(std::string_view accepted);  // 10001
ApiError internalError(std::string_view what);         // 10002
ApiError malformedParameter(std::string_view name);    // 10004
ApiError badUpload(std::string_view why);              // 10006
ApiError workerNotFound();                             // 10007
ApiError notEntitled(std::string_view what);           // 10015
ApiError badWorkerName();                              // 10016
ApiError invalidScript(std::string text);              // 10021
ApiError badBody(std::string_view why);                // 10026
ApiError scriptTooLarge(uint64_t bytesMax);            // 10027
ApiError concurrentChange();                           // 10035
ApiError noRoute();                                    // 7003
ApiError methodNotAllowed();                           // 7001
ApiError tooBusy();                                    // 10013: asking again may work

}  // namespace weir::control
