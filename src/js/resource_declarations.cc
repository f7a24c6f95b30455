#include "js/resource_declarations.h"

#include <algorithm>

namespace weir::js {

namespace {

constexpr std::string_view kKeyword = "using";  // contextual: it cannot be written with escapes

// What is not ASCII may be a space or part of an identifier.
bool isOther(char c) { return static_cast<unsigned char>(c) >= 0x80; }
bool isSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || isOther(c); }
bool isPart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         c == '\\';
}

// `after` is what follows the word: space and a name, then `=` or `of`, comments between any two.
bool continues(std::string_view after) {
  const auto skip = [&](auto&& is) {
    const size_t from = static_cast<size_t>(std::find_if_not(after.begin(), after.end(), is) - after.begin());
    after.remove_prefix(from);
    return from;
  };
  if (after.starts_with('/')) return true;
  if (skip(isSpace) == 0) return false;
  if (after.starts_with('/')) return true;
  skip([](char c) { return isPart(c) || isOther(c) || c == '{' || c == '}'; });  // \u{61}
  skip(isSpace);
  return after.starts_with('=') || after.starts_with('/') || after.starts_with("of");
}

class WithoutDeclarations {
 public:
  WithoutDeclarations() { v8::V8::SetFlagsFromString("--no-js-explicit-resource-management"); }
  ~WithoutDeclarations() { v8::V8::SetFlagsFromString("--js-explicit-resource-management"); }
  WithoutDeclarations(const WithoutDeclarations&) = delete;
  WithoutDeclarations& operator=(const WithoutDeclarations&) = delete;
};

}  // namespace

bool mayDeclareResources(std::string_view code) {
  for (size_t at = code.find(kKeyword); at != std::string_view::npos; at = code.find(kKeyword, at + kKeyword.size())) {
    if (at > 0 && isPart(code[at - 1])) continue;
    if (continues(code.substr(at + kKeyword.size()))) return true;
  }
  return false;
}

bool declaresResources(v8::Isolate* isolate, v8::Local<v8::Context> context, v8::Local<v8::String> code,
                       bool isModule) {
  const v8::TryCatch caught(isolate);
  const WithoutDeclarations scope;
  if (isModule) {
    const v8::ScriptOrigin origin(v8::String::Empty(isolate), 0, 0, false, -1, {}, false, false, true);
    v8::ScriptCompiler::Source compilable(code, origin);
    return v8::ScriptCompiler::CompileModule(isolate, &compilable).IsEmpty();
  }
  v8::ScriptCompiler::Source compilable(code);
  return v8::ScriptCompiler::CompileFunction(context, &compilable).IsEmpty();
}

}  // namespace weir::js
