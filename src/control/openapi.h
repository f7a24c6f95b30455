// The management API described as an OpenAPI document, made from the table that its router goes by.
//
// Pure; any thread.
#pragma once

#include <boost/json/object.hpp>
#include <span>

#include "control/api_router.h"

namespace weir::control {

boost::json::object describeApi(std::span<const Endpoint> endpoints);

}  // namespace weir::control
