// Lazy properties: to a script they are data properties of an object, writable and configurable and not enumerable; the
// value is made when it is first looked at.
#pragma once

#include <v8.h>

#include <cstdint>
#include <vector>

namespace weir::js {

// A native: (holder, name, give). give(name) makes the value, and is the same function for all such properties of a
// context. What it throws goes to who looked, and the next look calls it again. A property that is overwritten or
// deleted before never calls it.
void defineLazyProperty(const v8::FunctionCallbackInfo<v8::Value>& info);

// What a snapshot with such properties refers to.
std::vector<intptr_t> lazyPropertyReferences();

}  // namespace weir::js
