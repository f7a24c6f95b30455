// Declarations of resources: `using` and `await using` (TC39 Explicit Resource Management). V8 adds what they need to a
// context late, and never to one whose heap will be written: code that met one there would run over a hole.
#pragma once

#include <v8.h>

#include <string_view>

namespace weir::js {

// Whether UTF-8 `code` may hold such a declaration: false is certain, true may be said of a comment.
bool mayDeclareResources(std::string_view code);

// Whether `code`, which V8 compiles, holds one anywhere; a body of a function unless `isModule`. Parses it again, under
// the name of nothing. Changes a flag of the process meanwhile: no other thread may compile.
bool declaresResources(v8::Isolate* isolate, v8::Local<v8::Context> context, v8::Local<v8::String> code, bool isModule);

}  // namespace weir::js
