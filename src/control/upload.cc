#include "control/upload.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cctype>
#include <set>

#include "base/check.h"
#include "base/hex.h"
#include "control/binding_types.h"

namespace weir::control {

namespace json = boost::json;

namespace {

constexpr std::string_view kOldestDate = "2021-11-02";
constexpr size_t kFlagsMax = 256;
constexpr size_t kAnnotationBytesMax = 1'024;
constexpr size_t kTagsMax = 16;

ApiError wrongMember(std::string_view name, std::string_view must) {
  return badBody(std::string("metadata.") + std::string(name) + " must be " + std::string(must));
}

// YYYY-MM-DD and a day there is.
bool isDate(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  for (const size_t at : {0, 1, 2, 3, 5, 6, 8, 9}) {
    if (text[at] < '0' || text[at] > '9') return false;
  }
  const auto two = [&](size_t at) { return (text[at] - '0') * 10 + (text[at + 1] - '0'); };
  return two(5) >= 1 && two(5) <= 12 && two(8) >= 1 && two(8) <= 31;
}

std::string_view typeOf(std::string_view contentType) {
  contentType = contentType.substr(0, contentType.find(';'));
  while (contentType.ends_with(' ')) contentType.remove_suffix(1);
  return contentType;
}

std::optional<catalog::ModuleKind> kindOf(std::string_view contentType) {
  using enum catalog::ModuleKind;
  static const std::map<std::string_view, catalog::ModuleKind> kKinds{
      {"application/javascript+module", kEsModule},
      {"text/javascript+module", kEsModule},
      {"application/javascript", kCommonJs},
      {"text/javascript", kCommonJs},
      {"application/wasm", kWasm},
      {"text/plain", kText},
      {"application/octet-stream", kData},
      {"application/json", kJson},
      {"application/source-map", kSourceMap},
      {"text/x-python", kPython},
      {"text/x-python-requirement", kPython},
  };
  const auto at = kKinds.find(typeOf(contentType));
  if (at == kKinds.end()) return std::nullopt;
  return at->second;
}

catalog::Module moduleOf(const http::MultipartPart& part, catalog::ModuleKind kind) {
  return {part.name, kind, part.contentType, {part.bytes.begin(), part.bytes.end()}};
}

std::string_view withoutDot(std::string_view name) {
  if (name.starts_with("./")) name.remove_prefix(2);
  return name;
}

ApiTry<std::string> readDate(const json::object& metadata, std::string_view today) {
  const auto* value = metadata.if_contains("compatibility_date");
  if (value == nullptr || value->is_null()) return std::string(kOldestDate);
  if (!value->is_string()) return wrongMember("compatibility_date", "a string");
  const std::string_view date = value->as_string();
  if (date.empty()) return std::string(kOldestDate);
  if (!isDate(date)) return invalidScript("Invalid compatibility date: \"" + catalog::shown(date) + "\".");
  if (date > today) {
    return invalidScript("Can't set compatibility date in the future: \"" + std::string(date) +
                         "\". Today's date (UTC) is \"" + std::string(today) + "\".");
  }
  return std::string(date);
}

ApiTry<std::string> readFlags(const json::object& metadata) {
  const auto* value = metadata.if_contains("compatibility_flags");
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_array() || value->as_array().size() > kFlagsMax)
    return wrongMember("compatibility_flags", "a list of names");
  std::string out;
  for (const auto& flag : value->as_array()) {
    if (!flag.is_string()) return wrongMember("compatibility_flags", "a list of names");
    const std::string_view name = flag.as_string();
    if (name.empty() || name.size() > 100 ||
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_:-.") != std::string_view::npos) {
      return invalidScript("No such compatibility flag: " + catalog::shown(name));
    }
    if (!out.empty()) out += ',';
    out += name;
  }
  return out;
}

ApiTry<std::string> readLimits(const json::object& metadata, const catalog::PlanLimits& plan) {
  const auto* value = metadata.if_contains("limits");
  if (value == nullptr || value->is_null()) return std::string("{}");
  if (!value->is_object()) return wrongMember("limits", "an object");
  json::object out;
  for (const auto& [name, most] :
       {std::pair<std::string_view, uint64_t>{"cpu_ms", std::max<uint64_t>(plan.cpuMs, 300'000)},
        {"subrequests", std::max<uint64_t>(plan.subrequests, 10'000'000)}}) {
    const auto* limit = value->as_object().if_contains(name);
    if (limit == nullptr || limit->is_null()) continue;
    json::error_code error;
    const auto number = limit->to_number<int64_t>(error);
    if (error || number < 1 || static_cast<uint64_t>(number) > most) {
      return ApiError{
          400,
          10205,
          "Invalid limits: " + std::string(name) + " must be a whole number from 1 to " + std::to_string(most) + ".",
          {}};
    }
    out[name] = number;
  }
  return json::serialize(out);
}

ApiTry<std::string> readAnnotations(const json::object& metadata) {
  const auto* value = metadata.if_contains("annotations");
  if (value == nullptr || value->is_null()) return std::string("{}");
  return readAnnotationsOf(*value);
}

// What weir knows of and does not serve. A deploy that asks for it must not seem to have worked.
std::optional<ApiError> refuseUnserved(const json::object& metadata) {
  const auto isThere = [&](std::string_view name) {
    const auto* value = metadata.if_contains(name);
    if (value == nullptr || value->is_null()) return false;
    if (value->is_array()) return !value->as_array().empty();
    return !value->is_object() || !value->as_object().empty();
  };
  if (isThere("migrations")) return notEntitled("Durable Object migrations are not served here");
  if (isThere("containers")) return notEntitled("containers are not served here");
  return std::nullopt;
}

}  // namespace

ApiTry<std::string> readAnnotationsOf(const json::value& value) {
  if (!value.is_object()) return wrongMember("annotations", "an object of strings");
  for (const auto& [name, text] : value.as_object()) {
    if (!text.is_string() || name.size() > 100 || text.as_string().size() > kAnnotationBytesMax)
      return wrongMember("annotations", "an object of strings, each of at most 1024 bytes");
  }
  if (value.as_object().size() > 16) return wrongMember("annotations", "an object of at most 16 members");
  return json::serialize(value);
}

ApiTry<UploadForm> readUploadForm(std::string_view contentType, std::string_view body) {
  if (!http::isMultipartForm(contentType)) return wrongContentType("multipart/form-data");
  auto boundary = http::multipartBoundary(contentType);
  if (!boundary.ok()) return badUpload(boundary.error().message);
  auto parts = http::parseMultipart(std::as_bytes(std::span(body.data(), body.size())), *boundary);
  if (!parts.ok()) return badUpload(parts.error().message);
  if (const auto* twice = http::findRepeatedPart(*parts))
    return badUpload("two parts are named " + catalog::shown(twice->name));
  const auto* metadata = http::findPart(*parts, "metadata");
  if (metadata == nullptr) return badUpload("there is no part named metadata");
  auto object = jsonObjectBody(metadata->text());
  if (!object.ok()) {
    ApiError error = badBody("");
    error.chain.push_back({400, 10026, "The part named metadata must be a JSON object.", {}});
    return error;
  }
  UploadForm form;
  form.metadata = std::move(object).value();
  form.parts = std::move(parts).value();
  return form;
}

ApiTry<json::object> readScriptSettings(const json::object& given) {
  json::object out;
  for (const std::string_view name :
       {"logpush", "tail_consumers", "streaming_tail_consumers", "observability", "tags"}) {
    const auto* value = given.if_contains(name);
    if (value == nullptr) continue;
    const bool fits = value->is_null() || (name == "logpush"         ? value->is_bool()
                                           : name == "observability" ? value->is_object()
                                                                     : value->is_array());
    if (!fits) {
      return wrongMember(name, name == "logpush" ? "true or false" : name == "observability" ? "an object" : "a list");
    }
    if (name == "tags" && value->is_array()) {
      const auto& tags = value->as_array();
      if (tags.size() > kTagsMax || !std::all_of(tags.begin(), tags.end(), [](const auto& tag) {
            return tag.is_string() && tag.as_string().size() <= 256;
          })) {
        return wrongMember("tags", "at most 16 strings");
      }
    }
    out[name] = *value;
  }
  return out;
}

std::string etagOf(const std::vector<catalog::Module>& modules) {
  std::array<uint8_t, 32> hash{};
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  CHECK(context != nullptr);
  CHECK(EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1);
  for (const auto& module : modules) {
    const std::string head =
        module.name + '\0' + module.contentType + '\0' + std::to_string(module.content.size()) + '\0';
    CHECK(EVP_DigestUpdate(context, head.data(), head.size()) == 1);
    CHECK(EVP_DigestUpdate(context, module.content.data(), module.content.size()) == 1);
  }
  CHECK(EVP_DigestFinal_ex(context, hash.data(), nullptr) == 1);
  EVP_MD_CTX_free(context);
  return base::hexOf(hash);
}

ApiTry<Upload> readUpload(const UploadForm& form, const BaseVersion* base, const UploadRules& rules) {
  const json::object& metadata = form.metadata;
  Upload upload;
  const auto name = [&](std::string_view member) -> ApiTry<std::string> {
    const auto* value = metadata.if_contains(member);
    if (value == nullptr || value->is_null()) return std::string();
    if (!value->is_string()) return wrongMember(member, "the name of a part");
    return std::string(value->as_string());
  };
  auto main = name("main_module");
  if (!main.ok()) return main.error();
  auto script = name("body_part");
  if (!script.ok()) return script.error();
  if (auto error = refuseUnserved(metadata)) return *error;
  // Static assets and nothing else.
  const auto asks = [&](std::string_view member) {
    const auto* value = metadata.if_contains(member);
    return value != nullptr && (value->is_object() || (value->is_bool() && value->get_bool()));
  };
  const bool assetsOnly = main->empty() && script->empty() && (asks("assets") || asks("keep_assets"));
  if (!assetsOnly && main->empty() == script->empty())
    return badUpload("metadata names either main_module or body_part, the part that is run first");
  const bool modules = !main->empty() || assetsOnly;
  upload.syntax = modules ? catalog::VersionSyntax::kEsModules : catalog::VersionSyntax::kServiceWorker;
  const std::string& first = modules ? *main : *script;

  // Bindings first: they say which parts are theirs.
  std::vector<std::string> keep{"secret_text", "secret_key"};
  if (const auto* value = metadata.if_contains("keep_bindings"); value != nullptr && !value->is_null()) {
    if (!value->is_array()) return wrongMember("keep_bindings", "a list of binding types");
    keep.clear();
    for (const auto& type : value->as_array()) {
      if (!type.is_string()) return wrongMember("keep_bindings", "a list of binding types");
      keep.emplace_back(type.as_string());
    }
  }
  std::vector<std::string_view> blobs;
  for (const auto& part : form.parts) blobs.push_back(part.name);
  const auto* given = metadata.if_contains("bindings");
  const json::value none = json::array();
  auto bindings =
      readBindings(given == nullptr || given->is_null() ? none : *given, keep, base, modules ? nullptr : &blobs, rules);
  if (!bindings.ok()) return bindings.error();
  upload.bindings = std::move(bindings).value();

  const http::MultipartPart* mainPart = nullptr;
  std::set<std::string_view> names;
  uint64_t bytes = 0;
  for (const auto& part : form.parts) {
    if (part.name == "metadata") continue;
    if (const char* reason = http::unfitPathReason(part.name))
      return badUpload("the module name \"" + catalog::shown(part.name) + "\" " + reason);
    if (!names.insert(withoutDot(part.name)).second)
      return badUpload("two modules are named " + catalog::shown(withoutDot(part.name)));
    bytes += part.bytes.size();
    if (withoutDot(part.name) == withoutDot(first)) mainPart = &part;
  }
  if (bytes > rules.limits.bundleBytes) return scriptTooLarge(rules.limits.bundleBytes);
  if (assetsOnly && names.size() > 0) return badUpload("metadata does not say which part is run first");
  if (mainPart == nullptr && !assetsOnly)
    return badUpload((modules ? "main_module names " : "body_part names ") + catalog::shown(first) +
                     ", and there is no part of that name");
  for (const auto& part : form.parts) {
    if (part.name == "metadata") continue;
    const bool isMain = &part == mainPart;
    auto kind = kindOf(part.contentType);
    // A script in service-worker format may come without a type, and is one whatever it says.
    if (isMain && !modules) kind = catalog::ModuleKind::kEsModule;
    if (!kind) {
      return ApiError{400,
                      10162,
                      "Module has an unsupported Content-Type: " + catalog::shown(part.name) + " is of type \"" +
                          catalog::shown(part.contentType) + "\".",
                      {}};
    }
    if (*kind == catalog::ModuleKind::kPython) return notEntitled("Python Workers are not served here");
    if (modules && *kind == catalog::ModuleKind::kCommonJs) {
      return invalidScript(isMain ? "Main module must be an ES module."
                                  : "CommonJS modules are not supported: " + catalog::shown(part.name) +
                                        " must be an ES module.");
    }
    auto module = moduleOf(part, *kind);
    if (isMain) upload.modules.insert(upload.modules.begin(), std::move(module));
    else upload.modules.push_back(std::move(module));
  }
  for (const auto inherited : upload.bindings.inheritedParts) {
    if (names.contains(inherited)) continue;
    const auto at = std::find_if(base->modules.begin(), base->modules.end(),
                                 [&](const auto& module) { return module.name == inherited; });
    if (at == base->modules.end()) return badUpload("a part that a binding refers to is missing");
    upload.modules.push_back(*at);
  }

  auto date = readDate(metadata, rules.today);
  if (!date.ok()) return date.error();
  upload.compatibilityDate = std::move(date).value();
  auto flags = readFlags(metadata);
  if (!flags.ok()) return flags.error();
  upload.compatibilityFlags = std::move(flags).value();
  auto limits = readLimits(metadata, rules.limits);
  if (!limits.ok()) return limits.error();
  upload.limits = std::move(limits).value();
  auto annotations = readAnnotations(metadata);
  if (!annotations.ok()) return annotations.error();
  upload.annotations = std::move(annotations).value();
  auto settings = readScriptSettings(metadata);
  if (!settings.ok()) return settings.error();
  upload.settings = std::move(settings).value();
  if (const auto* placement = metadata.if_contains("placement"); placement != nullptr && placement->is_object())
    upload.settings["placement"] = *placement;
  return upload;
}

}  // namespace weir::control
