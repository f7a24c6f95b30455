#include "engine/web_source.h"

#include <cstddef>

// The file that the build makes of src/web, as it is. An assembler's directive, because a string literal of its size
// makes compilers slow.
asm(".pushsection .rodata\n"
    ".globl weirWebSource\n"
    ".hidden weirWebSource\n"
    "weirWebSource:\n"
    ".incbin \"" WEIR_WEB_SOURCE_FILE
    "\"\n"
    ".globl weirWebSourceEnd\n"
    ".hidden weirWebSourceEnd\n"
    "weirWebSourceEnd:\n"
    ".popsection\n");
extern "C" const char weirWebSource[];
extern "C" const char weirWebSourceEnd[];

namespace weir::engine {

namespace {

class WebSource final : public v8::String::ExternalOneByteStringResource {
 public:
  const char* data() const override { return weirWebSource; }
  size_t length() const override { return static_cast<size_t>(weirWebSourceEnd - weirWebSource); }

 private:
  void Dispose() override {}  // an isolate is done with it; others are not
};

}  // namespace

v8::String::ExternalOneByteStringResource& webSource() {
  static WebSource source;
  return source;
}

}  // namespace weir::engine
