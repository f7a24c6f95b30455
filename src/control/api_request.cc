#include "control/api_request.h"

#include <boost/json.hpp>
#include <chrono>

#include "base/check.h"
#include "base/json_text.h"

namespace weir::control {

namespace json = boost::json;

namespace {

constexpr size_t kJsonDepthMax = 64;
constexpr uint32_t kNoteCode = 1000;  // of a message beside a result, which means nothing by its number

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

ApiAnswer answerList(std::span<const std::string> elements) {
  constexpr std::string_view kBefore = R"({"success":true,"errors":[],"messages":[],"result":[)";
  size_t bytes = kBefore.size() + 2;
  for (const auto& element : elements) bytes += element.size() + 1;
  ApiAnswer made;
  made.body.reserve(bytes);
  made.body = kBefore;
  for (const auto& element : elements) {
    if (&element != elements.data()) made.body += ',';
    made.body += element;
  }
  made.body += "]}";
  return made;
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
  // As the public API has them; wrangler would take plain texts as well, others read these members.
  for (const auto& message : messages) all.push_back(json::object{{"code", kNoteCode}, {"message", message}});
  out["result"] = std::move(result);
  out["messages"] = std::move(all);
  ApiAnswer made;
  made.body = json::serialize(out);
  return made;
}

ApiAnswer answerPage(json::value elements, const Page& page, size_t all) {
  json::object out = envelope(true);
  json::object info;
  info["page"] = page.number;
  info["per_page"] = page.size;
  info["count"] = elements.as_array().size();
  info["total_count"] = all;
  if (!page.next.empty()) info["cursor"] = page.next;
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
  using namespace std::chrono;
  const sys_time<milliseconds> at{milliseconds(unixMs)};
  const auto day = floor<days>(at);
  const year_month_day date(day);
  const hh_mm_ss time(at - day);
  std::string text = "0000-00-00T00:00:00.000Z";
  const auto put = [&text](size_t where, size_t digits, int64_t number) {
    for (; digits > 0; number /= 10) text[where + --digits] = static_cast<char>('0' + number % 10);
  };
  put(0, 4, int{date.year()});
  put(5, 2, unsigned{date.month()});
  put(8, 2, unsigned{date.day()});
  put(11, 2, time.hours().count());
  put(14, 2, time.minutes().count());
  put(17, 2, time.seconds().count());
  put(20, 3, time.subseconds().count());
  return text;
}

}  // namespace weir::control
