// Writing where the loader has made memory read-only.
#pragma once

namespace weir::js {

// Writes `value` to `*place`, an aligned pointer, whose page is readable only before and after. False: the process may
// no longer change its own memory's protection.
bool writeProtected(void** place, void* value);

}  // namespace weir::js
