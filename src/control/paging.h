// Lists in pages (reference/management-api.md §3.2).
#pragma once

#include <boost/json/array.hpp>
#include <cstdint>

#include "control/api_request.h"

namespace weir::control {

enum class Paging : uint8_t {
  kPages,
  kPagesAndCursor,  // for clients that go on with `cursor` as long as they are given one
};

// The page that `page` and `per_page` of the query ask for, or `cursor`.
ApiResult answerPaged(const ApiRequest& request, boost::json::array all, Paging paging = Paging::kPages);

}  // namespace weir::control
