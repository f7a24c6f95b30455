// The types of bindings there are: what each must have, and whether weir serves it.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string_view>

#include "control/api_error.h"

namespace weir::control {

struct BindingType {
  const char* name;
  // The members that must be there as non-empty strings, separated by spaces.
  const char* required;
  bool served;
  bool isText = false;  // counts among a version's texts
};

// Null: no type of that name is known.
const BindingType* findBindingType(std::string_view name);

// The `simple` of a binding of type ratelimit. Nullopt: one of its numbers is missing or none that is allowed.
struct RateLimit {
  uint32_t limit = 0;
  uint32_t periodSeconds = 0;
};
std::optional<RateLimit> readRateLimit(const boost::json::object& binding);

}  // namespace weir::control
