// A native function as the JavaScript half of the web API sees it. Lists of these make the host object, and are the
// external references a snapshot needs: every native is listed, once, in a fixed order.
#pragma once

#include <v8.h>

namespace weir::js {

struct Native {
  const char* name;
  v8::FunctionCallback callback;
};

}  // namespace weir::js
