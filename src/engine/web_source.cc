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

js::BorrowedText& webSource() {
  static js::BorrowedText source({weirWebSource, static_cast<size_t>(weirWebSourceEnd - weirWebSource)});
  return source;
}

}  // namespace weir::engine
