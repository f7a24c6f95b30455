#include "control/api_request.h"

#include <boost/json.hpp>
#include <cstdio>
#include <ctime>

#include "base/check.h"
#include "base/json_text.h"

namespace weir::control {

namespace json = boost::json;

namespace {

constexpr size_t kJsonDepthMax = 64;

json::object envelope(bool success) {
  json::object out;
  out["success"] = success;
  out["errors"] = json::array();
  out["messages"] = json::array();
  out["result"] = nullptr;
  return out;
}

json::object toJson(const ApiError& error, std::string_view docsUrl) {
  json::object out;
  out["code"] = error.code;
  out["message"] = base::wellFormedUtf8(error.message);  // it may quote names that a client sent
  if (!docsUrl.empty()) {
    std::string url(docsUrl);
    constexpr std::string_view kCode = "{code}";
    if (const size_t at = url.find(kCode); at != std::string::npos)
      url.replace(at, kCode.size(), std::to_string(error.code));
    out["documentation_url"] = base::wellFormedUtf8(url);
  }
  if (!error.chain.empty()) {
    json::array chain;
    for (const auto& one : error.chain) chain.push_back(toJson(one, {}));
    out["error_chain"] = std::move(chain);
  }
  return out;
}

}  // namespace

const std::string& ApiRequest::parameter(std::string_view name) const {
  for (const auto& [known, value] : parameters) {
    if (known == name) return value;
  }
  CHECK(!"the endpoint's pattern has no such parameter");
  return parameters.front().second;
}

std::optional<std::string_view> ApiRequest::find(std::string_view queryName) const {
  for (const auto& [name, value] : query) {
    if (name == queryName) return value;
  }
  return std::nullopt;
}

bool ApiRequest::flag(std::string_view queryName) const {
  const auto value = find(queryName);
  return value && *value != "false" && *value != "0";
}

std::string ApiRequest::source() const {
  const auto agent = head.headers.find("user-agent").value_or("");
  if (agent.starts_with("wrangler/")) return "wrangler";
  if (agent.find("terraform") != std::string_view::npos) return "terraform";
  return "api";
}

ApiAnswer answer(json::value result) {
  json::object out = envelope(true);
  out["result"] = std::move(result);
  ApiAnswer made;
  made.body = json::serialize(out);
  return made;
}

ApiAnswer answer(json::value result, const std::vector<std::string>& messages) {
  json::object out = envelope(true);
  json::array all;
  for (const auto& message : messages) all.emplace_back(message);
  out["result"] = std::move(result);
  out["messages"] = std::move(all);
  ApiAnswer made;
  made.body = json::serialize(out);
  return made;
}

ApiAnswer answerPage(json::value elements, Page page, size_t all) {
  json::object out = envelope(true);
  json::object info;
  info["page"] = page.number;
  info["per_page"] = page.size;
  info["count"] = elements.as_array().size();
  info["total_count"] = all;
  info["total_pages"] = page.size == 0 ? 0 : (all + page.size - 1) / page.size;
  out["result"] = std::move(elements);
  out["result_info"] = std::move(info);
  ApiAnswer made;
  made.body = json::serialize(out);
  return made;
}

ApiAnswer answer(const ApiError& error, std::string_view docsUrl) {
  json::object out = envelope(false);
  out["errors"] = json::array{toJson(error, docsUrl)};
  ApiAnswer made;
  made.status = error.status;
  if (error.retryAfterSeconds > 0) made.headers.emplace_back("retry-after", std::to_string(error.retryAfterSeconds));
  made.body = json::serialize(out);
  return made;
}

ApiTry<json::value> jsonBody(std::string_view body) {
  json::parse_options options;
  options.max_depth = kJsonDepthMax;
  json::error_code error;
  json::value value = json::parse(body, error, {}, options);
  if (error) return badBody("the body is not JSON: " + error.message());
  return value;
}

ApiTry<json::object> jsonObjectBody(std::string_view body) {
  auto value = jsonBody(body);
  if (!value.ok()) return value.error();
  if (!value->is_object()) return badBody("the body must be a JSON object");
  return std::move(value->as_object());
}

std::string isoTime(int64_t unixMs) {
  const std::time_t seconds = unixMs / 1000;
  std::tm utc{};
  char text[32] = "";
  char whole[48] = "";
  if (gmtime_r(&seconds, &utc) != nullptr) std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(whole, sizeof whole, "%s.%03dZ", text, static_cast<int>(unixMs % 1000));
  return whole;
}

}  // namespace weir::control
