// One call of the management API, as an endpoint sees it, and what it answers. Values.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/api_error.h"
#include "control/authenticator.h"
#include "http/message.h"

namespace weir::control {

struct ApiRequest {
  http::RequestHead head;
  std::string remoteIp;
  std::vector<std::pair<std::string_view, std::string>> parameters;  // of the path, by name, decoded
  std::vector<std::pair<std::string, std::string>> query;            // decoded
  std::string body;                                                  // whole, without its Content-Encoding
  Principal principal;

  // Of the path; the endpoint's pattern has one of this name.
  const std::string& parameter(std::string_view name) const;
  std::optional<std::string_view> find(std::string_view queryName) const;
  // False where it is absent.
  bool flag(std::string_view queryName) const;
  std::string_view contentType() const { return head.headers.find("content-type").value_or(""); }

  const std::string& account() const { return parameter("account"); }
  const std::string& script() const { return parameter("script"); }
  // What a change is put down to.
  std::string source() const;
};

struct ApiAnswer {
  uint16_t status = 200;
  std::string type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

using ApiResult = base::Result<ApiAnswer, ApiError>;
template <class T>
using ApiTry = base::Result<T, ApiError>;

// In the envelope (reference/management-api.md §3.1).
ApiAnswer answer(boost::json::value result);
// With something to say beside it.
ApiAnswer answer(boost::json::value result, const std::vector<std::string>& messages);
// A list that may be long, of elements that are JSON already.
ApiAnswer answerList(std::span<const std::string> elements);
// One page of a list; `all` is the number of elements in all pages.
struct Page {
  size_t number = 1;
  size_t size = 20;
  std::string next = {};  // the cursor of the page behind it; empty: none is said
};
ApiAnswer answerPage(boost::json::value elements, const Page& page, size_t all);
// `docsUrl` as EdgeLoop::Options::errorDocsUrl.
ApiAnswer answer(const ApiError& error, std::string_view docsUrl);

// The body as JSON; its Content-Type is not looked at (clients send text/plain).
ApiTry<boost::json::value> jsonBody(std::string_view body);
ApiTry<boost::json::object> jsonObjectBody(std::string_view body);

// "2026-01-02T03:04:05.678Z"; of years 0 to 9999.
std::string isoTime(int64_t unixMs);

}  // namespace weir::control
