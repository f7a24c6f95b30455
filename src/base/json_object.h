// JsonObject: a JSON object put together member after member.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json_text.h"

namespace weir::base {

class JsonObject {
 public:
  JsonObject& text(std::string_view name, std::string_view value) {
    member(name);
    appendJsonString(members_, value);
    return *this;
  }
  JsonObject& textOrNull(std::string_view name, const std::optional<std::string>& value) {
    return value ? text(name, std::string_view(*value)) : raw(name, "null");
  }
  JsonObject& number(std::string_view name, uint64_t value) { return raw(name, std::to_string(value)); }
  JsonObject& boolean(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
  // `json` is a value.
  JsonObject& raw(std::string_view name, std::string_view json) {
    member(name);
    members_ += json;
    return *this;
  }
  std::string done() const { return "{" + members_ + "}"; }

 private:
  void member(std::string_view name) {
    if (!members_.empty()) members_ += ',';
    appendJsonString(members_, name);
    members_ += ':';
  }

  std::string members_;
};

}  // namespace weir::base
