// The types of bindings there are: what each must have, and whether weir serves it.
#pragma once

#include <boost/json/object.hpp>
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

}  // namespace weir::control
