// The web API's JavaScript as this addon carries it: one copy for all isolates of the process, where V8 would make one
// per heap.
#pragma once

#include "js/borrowed_text.h"

namespace weir::engine {

// A function body that returns `install` of web/host.d.ts. Lives as long as the process.
js::BorrowedText& webSource();

}  // namespace weir::engine
