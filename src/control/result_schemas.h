// What the results of the management API's calls look like, as JSON schemas by name; endpoints name theirs
// (Endpoint::result).
//
// Pure; any thread.
#pragma once

#include <boost/json/object.hpp>
#include <string_view>

namespace weir::control {

boost::json::object resultSchemas();

// Of a name in Endpoint::result: a reference, a list of references, or the type null.
boost::json::object resultSchema(std::string_view name);

}  // namespace weir::control
