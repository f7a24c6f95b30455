#include "assets/site.h"

#include <boost/json.hpp>

#include "assets/limits.h"
#include "assets/path.h"
#include "assets/range.h"
#include "http/codec/field_syntax.h"
#include "http/url.h"

namespace weir::assets {

namespace {

// Browsers keep a file and ask each time whether it is still the one.
constexpr std::string_view kCacheControl = "public, max-age=0, must-revalidate";

std::string_view hostOf(std::string_view authority) {
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  return authority.substr(0, colon);
}

// Whether a list of entity tags names `tag`; weak and strong compare equal (RFC 9110 §13.1.2).
bool namesTag(std::string_view list, std::string_view tag) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    std::string_view one = trimmed(list.substr(0, comma));
    if (one == "*") return true;
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == tag) return true;
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return false;
}

// The Location of a redirect: a path on this host where the target is one, else the whole URL; with the request's query
// unless the target has its own.
std::string locationOf(std::string_view to, const SiteRequest& request, std::string_view path) {
  const size_t hash = to.find('#');
  const std::string_view fragment = hash == std::string_view::npos ? std::string_view() : to.substr(hash);
  const std::string_view reference = to.substr(0, hash);
  const std::string_view asked = queryOf(request.target);
  const auto here =
      http::Url::parse((request.https ? "https://" : "http://") + std::string(request.authority) + std::string(path));
  const auto there = here ? here->resolve(reference) : http::Url::parse(reference);
  std::string location;
  if (!there) {
    // A host that only browsers can read.
    location = reference;
  } else {
    location = here && here->sameOrigin(*there) ? there->target : there->href();
  }
  const size_t query = location.find('?');
  if (query == std::string::npos) location += asked;
  else if (query + 1 == location.size() && !asked.empty()) location.replace(query, 1, asked);
  location += fragment;
  return location;
}

}  // namespace

base::Result<SiteConfig> SiteConfig::parse(std::string_view json, std::vector<std::string>& problems) {
  SiteConfig config;
  if (json.empty()) return config;
  boost::json::error_code error;
  boost::json::parse_options options;
  options.max_depth = 32;
  const auto root = boost::json::parse(json, error, {}, options);
  if (error || !root.is_object()) return base::Error{"assets.config must be an object."};
  const auto& object = root.get_object();
  const auto text = [&](const char* name) -> base::Result<std::optional<std::string_view>> {
    const auto* const value = object.if_contains(name);
    if (value == nullptr || value->is_null()) return std::optional<std::string_view>();
    if (!value->is_string()) return base::Error{"assets.config." + std::string(name) + " must be a string."};
    return std::optional<std::string_view>(value->get_string());
  };
  auto html = text("html_handling");
  if (!html.ok()) return html.error();
  if (*html) {
    const auto known = parseHtmlHandling(**html);
    if (!known) {
      return base::Error{
          "assets.config.html_handling must be auto-trailing-slash, force-trailing-slash, drop-trailing-slash or none."};
    }
    config.html = *known;
  }
  auto notFound = text("not_found_handling");
  if (!notFound.ok()) return notFound.error();
  if (*notFound) {
    const auto known = parseNotFoundHandling(**notFound);
    if (!known)
      return base::Error{"assets.config.not_found_handling must be none, 404-page or single-page-application."};
    config.notFound = *known;
  }
  // The older word for the same, the other way round.
  const auto* const directly = object.if_contains("serve_directly");
  if (directly != nullptr && directly->is_bool() && !directly->get_bool()) config.workerFirst = WorkerFirst::always();
  const auto* const first = object.if_contains("run_worker_first");
  if (first != nullptr && first->is_bool()) {
    config.workerFirst = first->get_bool() ? WorkerFirst::always() : WorkerFirst();
  } else if (first != nullptr && first->is_array()) {
    std::vector<std::string> rules;
    for (const auto& rule : first->get_array()) {
      if (!rule.is_string())
        return base::Error{"assets.config.run_worker_first must be true, false or a list of texts."};
      rules.emplace_back(rule.get_string());
    }
    auto parsed = WorkerFirst::parse(rules);
    if (!parsed.ok()) return parsed.error();
    config.workerFirst = std::move(*parsed);
  } else if (first != nullptr && !first->is_null()) {
    return base::Error{"assets.config.run_worker_first must be true, false or a list of texts."};
  }
  for (const char* name : {"_redirects", "_headers"}) {
    auto rules = text(name);
    if (!rules.ok()) return rules.error();
    if (!*rules) continue;
    if ((*rules)->size() > Limits::kRulesTextBytesMax) {
      return base::Error{std::string(name) + " is too large: it may have " +
                         std::to_string(Limits::kRulesTextBytesMax) + " bytes."};
    }
    std::vector<RuleProblem> found;
    if (name[1] == 'r') config.redirects = Redirects::parse(**rules, config.html != HtmlHandling::kNone, found);
    else config.headers = HeaderRules::parse(**rules, found);
    for (const auto& problem : found)
      problems.push_back(std::string(name) + ":" + std::to_string(problem.line) + ": " + problem.message);
  }
  return config;
}

struct Site::Found {
  enum class Kind : uint8_t {
    kNothing,
    kNotFound,  // a rewrite to what is not there
    kFile,
    kRedirect,
    kMethodNotAllowed
  };
  Kind kind = Kind::kNothing;
  std::optional<File> file;
  uint16_t status = 0;
  std::string location;
};

Site::Found Site::find(const SiteRequest& request, std::string_view path, NotFoundHandling notFound) const {
  using Kind = Found::Kind;
  std::string rewritten;
  if (!config_.redirects.empty()) {
    if (const auto redirect = config_.redirects.find(path)) {
      if (redirect->status != 200)
        return {Kind::kRedirect, std::nullopt, redirect->status, locationOf(redirect->to, request, path)};
      const std::string_view to = std::string_view(redirect->to).substr(0, redirect->to.find('#'));
      rewritten = urlPath(to);
    }
  }
  const std::string_view wanted = rewritten.empty() ? path : std::string_view(rewritten);
  const std::string decoded = decodePath(wanted);
  const Resolution resolution = resolve(files_, decoded, config_.html, notFound);
  if (resolution.kind == Resolution::Kind::kNothing)
    return {rewritten.empty() ? Kind::kNothing : Kind::kNotFound, std::nullopt, 404, {}};
  if (request.method != "GET" && request.method != "HEAD") return {Kind::kMethodNotAllowed, std::nullopt, 405, {}};
  const bool redirects = resolution.kind == Resolution::Kind::kRedirect;
  std::string canonical = encodePath(redirects ? std::string_view(resolution.redirect) : std::string_view(decoded));
  if (redirects || canonical != wanted)
    return {Kind::kRedirect, std::nullopt, 307, std::move(canonical.append(queryOf(request.target)))};
  return {Kind::kFile, resolution.file, resolution.status, {}};
}

bool Site::isForWorker(const SiteRequest& request) const {
  const std::string path = urlPath(request.target);
  switch (config_.workerFirst.choose(path)) {
    case WorkerFirst::Choice::kWorker: return true;
    case WorkerFirst::Choice::kAsset: return false;
    case WorkerFirst::Choice::kAssetIfAny: break;
  }
  const bool navigates = navigationPrefersAssets_ && request.headers.find("sec-fetch-mode") == "navigate";
  return find(request, path, navigates ? config_.notFound : NotFoundHandling::kNone).kind == Found::Kind::kNothing;
}

SiteAnswer Site::answer(const SiteRequest& request) const {
  const std::string path = urlPath(request.target);
  const Found found = find(request, path, config_.notFound);
  SiteAnswer answer;
  answer.status = found.status;
  answer.headOnly = request.method == "HEAD";
  switch (found.kind) {
    case Found::Kind::kNothing:
    case Found::Kind::kNotFound: break;
    case Found::Kind::kMethodNotAllowed: answer.headers.add("allow", "GET, HEAD"); break;
    case Found::Kind::kRedirect: answer.headers.add("location", found.location); break;
    case Found::Kind::kFile: {
      answer.ofFile = true;
      const std::string tag = '"' + textOf(found.file->hash) + '"';
      answer.headers.add("etag", tag);
      if (!found.file->type.empty()) answer.headers.add("content-type", found.file->type);
      const auto range = request.headers.find("range");
      if (!range && !request.headers.find("authorization")) answer.headers.add("cache-control", kCacheControl);
      answer.headers.add("accept-ranges", "bytes");
      answer.to = found.file->size;
      const auto noneMatch = request.headers.find("if-none-match");
      if (noneMatch && namesTag(*noneMatch, tag)) {
        answer.status = 304;
        answer.to = 0;
        break;
      }
      answer.file = found.file;
      const auto ifRange = request.headers.find("if-range");
      if (!range || answer.status != 200 || request.method != "GET" || (ifRange && *ifRange != tag)) break;
      const ByteRange part = parseRange(*range, found.file->size);
      const std::string whole = "/" + std::to_string(found.file->size);
      if (part.kind == ByteRange::Kind::kUnsatisfiable) {
        answer.status = 416;
        answer.headers.add("content-range", "bytes *" + whole);
        answer.file.reset();
        answer.to = 0;
      } else if (part.kind == ByteRange::Kind::kPart) {
        answer.status = 206;
        answer.from = part.from;
        answer.to = part.to;
        answer.headers.add("content-range",
                           "bytes " + std::to_string(part.from) + "-" + std::to_string(part.to - 1) + whole);
      }
      break;
    }
  }
  config_.headers.apply(hostOf(request.authority), path, answer.headers);
  return answer;
}

}  // namespace weir::assets
