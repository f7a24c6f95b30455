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
#include "control/compatibility_flags.h"

namespace weir::control {

namespace json = boost::json;

namespace {

constexpr size_t kFlagsMax = 256;
constexpr size_t kAnnotationBytesMax = 1'024;
constexpr size_t kTagsMax = 16;
constexpr size_t kSettingBytesMax = 64u << 10;

ApiError wrongMember(std::string_view name, std::string_view must) {
  return badBody(std::string("metadata.") + std::string(name) + " must be " + std::string(must));
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

// Nullptr: there is none of that name.
const json::value* memberOf(const json::object& given, std::string_view name) {
  const auto* value = given.if_contains(name);
  return value != nullptr && !value->is_null() ? value : nullptr;
}

ApiTry<std::string> readDate(const json::value& value, std::string_view today) {
  if (!value.is_string()) return wrongMember("compatibility_date", "a string");
  const std::string_view date = value.as_string();
  if (date.empty()) return std::string(kOldestDate);
  if (!isDate(date)) return invalidScript("Invalid compatibility date: " + catalog::shown(date));
  if (date > today) {
    return invalidScript("Can't set compatibility date in the future: \"" + std::string(date) +
                         "\". Today's date (UTC) is \"" + std::string(today) + "\".");
  }
  return std::string(date);
}

ApiTry<std::string> readFlags(const json::value& value) {
  if (!value.is_array() || value.as_array().size() > kFlagsMax)
    return wrongMember("compatibility_flags", "a list of names");
  std::vector<std::string_view> flags;
  for (const auto& flag : value.as_array()) {
    if (!flag.is_string()) return wrongMember("compatibility_flags", "a list of names");
    flags.push_back(flag.as_string());
  }
  if (const std::string problems = problemsWithFlags(flags); !problems.empty()) return invalidScript(problems);
  std::string out;
  for (const std::string_view flag : flags) (out += out.empty() ? "" : ",") += flag;
  return out;
}

ApiTry<std::string> readLimits(const json::value& value, const catalog::PlanLimits& plan) {
  if (!value.is_object()) return wrongMember("limits", "an object");
  json::object out;
  for (const auto& [name, most] :
       {std::pair<std::string_view, uint64_t>{"cpu_ms", std::max<uint64_t>(plan.cpuMs, 300'000)},
        {"subrequests", std::max<uint64_t>(plan.subrequests, 10'000'000)}}) {
    const auto* limit = memberOf(value.as_object(), name);
    if (limit == nullptr) continue;
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

// ALIAS-NAME is one label of a host name.
bool isPreviewAlias(std::string_view alias, std::string_view script) {
  constexpr size_t kLabelBytesMax = 63;
  return catalog::isAlias(alias) && alias.size() + 1 + script.size() <= kLabelBytesMax;
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

std::optional<ApiError> readRuntime(const json::object& given, const UploadRules& rules, Upload& upload) {
  const auto take = [](ApiTry<std::string> read, std::string& into) -> std::optional<ApiError> {
    if (!read.ok()) return read.error();
    into = std::move(read).value();
    return std::nullopt;
  };
  if (const auto* date = memberOf(given, "compatibility_date")) {
    if (auto error = take(readDate(*date, rules.today), upload.compatibilityDate)) return error;
  }
  if (const auto* flags = memberOf(given, "compatibility_flags")) {
    if (auto error = take(readFlags(*flags), upload.compatibilityFlags)) return error;
  }
  if (const auto* limits = memberOf(given, "limits")) {
    if (auto error = take(readLimits(*limits, rules.limits), upload.limits)) return error;
  }
  return std::nullopt;
}

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

std::vector<std::string> notesOn(const json::object& metadata) {
  std::vector<std::string> notes;
  if (const auto* flags = memberOf(metadata, "compatibility_flags"); flags != nullptr && flags->is_array()) {
    std::vector<std::string_view> names;
    for (const auto& flag : flags->as_array()) {
      if (flag.is_string()) names.push_back(flag.as_string());
    }
    const auto* date = memberOf(metadata, "compatibility_date");
    notes = needlessFlags(names, date != nullptr && date->is_string() ? std::string_view(date->as_string()) : "");
  }
  if (const auto* placement = memberOf(metadata, "placement");
      placement != nullptr && placement->is_object() && !placement->as_object().empty()) {
    notes.emplace_back("placement is kept and has no effect: a Worker runs on the machine that weir runs on.");
  }
  return notes;
}

ApiTry<json::object> readScriptSettings(const json::object& given) {
  json::object out;
  for (const std::string_view name :
       {"logpush", "tail_consumers", "streaming_tail_consumers", "observability", "placement", "tags"}) {
    const auto* value = given.if_contains(name);
    if (value == nullptr) continue;
    const bool isObject = name == "observability" || name == "placement";
    const bool fits = value->is_null() || (name == "logpush" ? value->is_bool()
                                           : isObject        ? value->is_object()
                                                             : value->is_array());
    if (!fits) return wrongMember(name, name == "logpush" ? "true or false" : isObject ? "an object" : "a list");
    if (json::serialize(*value).size() > kSettingBytesMax) return wrongMember(name, "shorter");
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
    if (*kind == catalog::ModuleKind::kPython)
      return notEntitled(catalog::shown(part.name) + " is a Python module: Python Workers are not served here");
    if (modules && isMain && *kind != catalog::ModuleKind::kEsModule)
      return invalidScript("Main module must be an ES module.");
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

  if (auto error = readRuntime(metadata, rules, upload)) return *error;
  if (const auto* given = memberOf(metadata, "annotations")) {
    auto annotations = readAnnotationsOf(*given);
    if (!annotations.ok()) return annotations.error();
    upload.annotations = std::move(annotations).value();
    if (const auto* alias = memberOf(given->as_object(), "workers/alias")) {
      upload.alias = alias->as_string();
      if (!isPreviewAlias(upload.alias, rules.script)) {
        return wrongMember(
            "annotations",
            "an object whose workers/alias begins with a letter, has only lower-case letters, digits and "
            "dashes, does not end in one, and fits into a label of a host name with the Worker's name");
      }
    }
  }
  auto settings = readScriptSettings(metadata);
  if (!settings.ok()) return settings.error();
  upload.settings = std::move(settings).value();
  return upload;
}

}  // namespace weir::control
