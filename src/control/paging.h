// Lists in pages (reference/management-api.md §3.2).
#pragma once

#include <boost/json/array.hpp>

#include "control/api_request.h"

namespace weir::control {

// The page that `page` and `per_page` of the query ask for.
ApiResult answerPaged(const ApiRequest& request, boost::json::array all);

}  // namespace weir::control
