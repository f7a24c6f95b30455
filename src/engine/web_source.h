// The web API's JavaScript as this addon carries it: one copy for all isolates of the process, where V8 would make one
// per heap.
#pragma once

#include <v8.h>

namespace weir::engine {

// A function body that returns `install` of web/host.d.ts. Lives as long as the process; a snapshot refers to it by its
// address, which must be among the external references.
v8::String::ExternalOneByteStringResource& webSource();

}  // namespace weir::engine
