// Bindings of an upload (upload.h).
#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "control/binding_types.h"
#include "control/upload.h"
#include "wire/message.h"

namespace weir::control {

namespace json = boost::json;

namespace {

constexpr size_t kBindingsMax = 1'000;
constexpr size_t kNameBytesMax = 255;

constexpr BindingType kTypes[] = {
    {"plain_text", "", true, true},
    {"json", "", true, true},
    {"secret_text", "", true, true},
    {"service", "service", true},
    {"version_metadata", "", true},
    {"wasm_module", "part", true},
    {"text_blob", "part", true},
    {"data_blob", "part", true},
    {"ratelimit", "namespace_id", true},
    {"kv_namespace", "namespace_id", false},
    {"durable_object_namespace", "class_name", false},
    {"r2_bucket", "bucket_name", false},
    {"d1", "id", false},
    {"queue", "queue_name", false},
    {"workflow", "workflow_name class_name", false},
    {"assets", "", true},
    {"analytics_engine", "", false},
    {"send_email", "", false},
    {"dispatch_namespace", "namespace", false},
    {"hyperdrive", "id", false},
    {"vectorize", "index_name", false},
    {"mtls_certificate", "certificate_id", false},
    {"secrets_store_secret", "store_id secret_name", false},
    {"secret_key", "", false},
    {"worker_loader", "", false},
    {"pipelines", "pipeline", false},
    {"browser", "", false},
    {"images", "", false},
    {"ai", "", false},
    {"stream", "", false},
    {"media", "", false},
    {"vpc_service", "service_id", false},
    {"vpc_network", "", false},
    {"ai_search", "", false},
    {"ai_search_namespace", "", false},
    {"logfwdr", "destination", false},
};

std::string_view textOf(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->as_string()) : std::string_view{};
}

const json::object* findBinding(const json::array& bindings, std::string_view name) {
  for (const auto& entry : bindings) {
    if (entry.is_object() && textOf(entry.as_object(), "name") == name) return &entry.as_object();
  }
  return nullptr;
}

ApiError mustHave(std::string_view name, std::string_view type, std::string_view member) {
  return invalidScript("binding " + catalog::shown(name) + " of type " + catalog::shown(type) + " must have a valid `" +
                       std::string(member) + "` specified");
}

// One list of bindings while it is read.
class Reader {
 public:
  Reader(const BaseVersion* base, const std::vector<std::string_view>* blobs, const UploadRules& rules)
      : base_(base), blobs_(blobs), rules_(rules) {}

  std::optional<ApiError> read(const json::value& entry, bool patch) {
    if (!entry.is_object()) return badBody("each of the bindings must be an object");
    const auto& binding = entry.as_object();
    const auto name = textOf(binding, "name");
    if (name.empty()) {
      return ApiError{400, 10052, "Binding must have a name. Add a name property to the binding and try again.", {}};
    }
    if (name.size() > kNameBytesMax || std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20; }))
      return ApiError{400, 10100, "Binding names have 1 to 255 bytes, and no control characters.", {}};
    const auto type = textOf(binding, "type");
    if (type.empty()) return invalidScript("binding " + catalog::shown(name) + " must have a `type` specified");
    if (!names_.insert(std::string(name)).second) {
      return ApiError{
          400,
          10053,
          "Binding name " + catalog::shown(name) + " is already in use. Rename one of the bindings and try again.",
          {}};
    }
    if (type == "inherit") return inherit(name);
    // An entry of a PATCH without anything but its name stands for what is there.
    if (patch && base_ != nullptr && binding.size() == 2) {
      const auto* there = findBinding(base_->bindings, name);
      if (there != nullptr && textOf(*there, "type") == type) return inherit(name);
    }
    return add(binding, name, type);
  }

  // Everything of these types in the base that was not named.
  std::optional<ApiError> keep(const std::vector<std::string>& types) {
    if (base_ == nullptr) return std::nullopt;
    for (const auto& entry : base_->bindings) {
      const auto name = textOf(entry.as_object(), "name");
      const auto type = textOf(entry.as_object(), "type");
      if (names_.contains(std::string(name)) || std::find(types.begin(), types.end(), type) == types.end()) continue;
      names_.insert(std::string(name));
      if (auto error = inherit(name)) return error;
    }
    return std::nullopt;
  }

  ApiTry<Bindings> finish() {
    if (texts_ > rules_.limits.texts) {
      return ApiError{400,
                      10055,
                      "Too many text bindings (" + std::to_string(texts_) + "). The limit is " +
                          std::to_string(rules_.limits.texts) + ". Remove some bindings and try again.",
                      {}};
    }
    return std::move(out_);
  }

 private:
  std::optional<ApiError> inherit(std::string_view name) {
    const auto* there = base_ == nullptr ? nullptr : findBinding(base_->bindings, name);
    if (there == nullptr) {
      return ApiError{400,
                      10057,
                      "inherit binding '" + catalog::shown(name) +
                          "' is invalid: the previous version has no binding of this name.",
                      {}};
    }
    const auto type = textOf(*there, "type");
    if (type == "secret_text") {
      const auto secret = std::find_if(base_->secrets.begin(), base_->secrets.end(),
                                       [&](const auto& each) { return each.name == name; });
      if (secret != base_->secrets.end()) out_.kept.push_back(*secret);
    }
    if (const auto part = textOf(*there, "part"); !part.empty()) out_.inheritedParts.push_back(part);
    const auto* known = findBindingType(type);
    if (known != nullptr && known->isText) ++texts_;
    out_.entries.push_back(*there);
    return std::nullopt;
  }

  std::optional<ApiError> add(const json::object& binding, std::string_view name, std::string_view type) {
    const auto* known = findBindingType(type);
    if (known == nullptr || !known->served) {
      return notEntitled("binding " + catalog::shown(name) + " is of type " + catalog::shown(type) +
                         ", which is not served here");
    }
    std::string_view required = known->required;
    while (!required.empty()) {
      const auto member = required.substr(0, required.find(' '));
      required.remove_prefix(std::min(required.size(), member.size() + 1));
      if (textOf(binding, member).empty()) return mustHave(name, type, member);
    }
    json::object entry = binding;
    if (type == "plain_text" || type == "secret_text") {
      const auto* text = binding.if_contains("text");
      if (text == nullptr || !text->is_string()) return mustHave(name, type, "text");
      if (auto error = countText(name, text->as_string().size())) return error;
      if (type == "secret_text") {
        out_.secrets[std::string(name)] = std::string(text->as_string());
        entry = {{"name", name}, {"type", type}};
      }
    } else if (type == "json") {
      const auto* value = binding.if_contains("json");
      if (value == nullptr) return mustHave(name, type, "json");
      if (auto error = countText(name, json::serialize(*value).size())) return error;
    } else if (type == "service") {
      const auto service = textOf(binding, "service");
      if (auto error = checkProps(binding, name)) return error;
      if (service != rules_.script && !rules_.hasScript(service)) {
        return ApiError{400,
                        10143,
                        "Could not resolve service binding '" + catalog::shown(name) + "'. Target script '" +
                            catalog::shown(service) + "' not found.",
                        {}};
      }
    } else if (type == "ratelimit") {
      if (!readRateLimit(binding)) {
        return invalidScript("binding " + catalog::shown(name) +
                             " of type ratelimit must have a `simple.limit` of at least 1 and a `simple.period` of 10 "
                             "or 60 seconds");
      }
    } else if (const auto part = textOf(binding, "part"); !part.empty()) {
      if (blobs_ == nullptr) {
        return invalidScript("binding " + catalog::shown(name) + " of type " + catalog::shown(type) +
                             " needs a Worker in service-worker format: import the module instead");
      }
      if (std::find(blobs_->begin(), blobs_->end(), part) == blobs_->end()) return mustHave(name, type, "part");
    }
    out_.entries.push_back(std::move(entry));
    return std::nullopt;
  }

  static std::optional<ApiError> checkProps(const json::object& binding, std::string_view name) {
    const auto* props = binding.if_contains("props");
    if (props == nullptr || props->is_null()) return std::nullopt;
    if (!props->is_object()) return mustHave(name, "service", "props");
    const size_t bytes = json::serialize(*props).size();
    if (bytes <= wire::Bounds::kTextBytesMax) return std::nullopt;
    return invalidScript("binding " + catalog::shown(name) + " of type service has props of " + std::to_string(bytes) +
                         " bytes; the limit is " + std::to_string(wire::Bounds::kTextBytesMax) + " bytes");
  }

  std::optional<ApiError> countText(std::string_view name, size_t bytes) {
    ++texts_;
    if (bytes <= rules_.limits.textBytes) return std::nullopt;
    return ApiError{400,
                    10054,
                    "Text binding " + catalog::shown(name) + " is too large (" + std::to_string(bytes) +
                        " bytes). The limit is " + std::to_string(rules_.limits.textBytes) +
                        " bytes. Reduce the binding size and try again.",
                    {}};
  }

  const BaseVersion* const base_;
  const std::vector<std::string_view>* const blobs_;
  const UploadRules& rules_;
  Bindings out_;
  std::set<std::string> names_;
  size_t texts_ = 0;
};

ApiTry<Bindings> readAll(Reader& reader, const json::value& given, bool patch, const std::vector<std::string>& keep) {
  if (!given.is_array()) return badBody("bindings must be a list");
  if (given.as_array().size() > kBindingsMax) {
    return badBody("there may be at most " + std::to_string(kBindingsMax) + " bindings");
  }
  for (const auto& entry : given.as_array()) {
    if (auto error = reader.read(entry, patch)) return *error;
  }
  if (auto error = reader.keep(keep)) return *error;
  return reader.finish();
}

}  // namespace

const BindingType* findBindingType(std::string_view name) {
  const auto* at =
      std::find_if(std::begin(kTypes), std::end(kTypes), [&](const BindingType& type) { return name == type.name; });
  return at == std::end(kTypes) ? nullptr : at;
}

std::optional<RateLimit> readRateLimit(const json::object& binding) {
  const auto* simple = binding.if_contains("simple");
  if (simple == nullptr || !simple->is_object()) return std::nullopt;
  const auto numberOf = [&](std::string_view name) -> uint32_t {
    const auto* value = simple->as_object().if_contains(name);
    json::error_code error;
    const auto number = value != nullptr ? value->to_number<uint32_t>(error) : 0;
    return error ? 0 : number;
  };
  const RateLimit rate{numberOf("limit"), numberOf("period")};
  if (rate.limit == 0 || !wire::isRatePeriod(rate.periodSeconds)) return std::nullopt;
  return rate;
}

ApiTry<Bindings> readBindings(const json::value& given, const std::vector<std::string>& keep, const BaseVersion* base,
                              const std::vector<std::string_view>* blobs, const UploadRules& rules) {
  Reader reader(base, blobs, rules);
  return readAll(reader, given, false, keep);
}

ApiTry<Bindings> patchBindings(const json::value& given, const BaseVersion& base, const UploadRules& rules) {
  Reader reader(&base, nullptr, rules);
  return readAll(reader, given, true, {});
}

}  // namespace weir::control
