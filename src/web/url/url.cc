#include "web/url/url.h"

#include <memory>
#include <string>

#include "js/bytes.h"

// ada's C API, exported by the Node executable, whose package has no header for it.
extern "C" {
struct ada_string {
  const char* data;
  size_t length;
};
struct ada_owned_string {
  const char* data;
  size_t length;
};
struct ada_url_components {
  uint32_t protocol_end;
  uint32_t username_end;
  uint32_t host_start;
  uint32_t host_end;
  uint32_t port;
  uint32_t pathname_start;
  uint32_t search_start;
  uint32_t hash_start;
};
typedef void* ada_url;
ada_url ada_parse(const char* input, size_t length);
ada_url ada_parse_with_base(const char* input, size_t length, const char* base, size_t baseLength);
bool ada_is_valid(ada_url url);
void ada_free(ada_url url);
ada_string ada_get_href(ada_url url);
ada_owned_string ada_get_origin(ada_url url);
void ada_free_owned_string(ada_owned_string owned);
bool ada_set_href(ada_url url, const char* input, size_t length);
bool ada_set_host(ada_url url, const char* input, size_t length);
bool ada_set_hostname(ada_url url, const char* input, size_t length);
bool ada_set_protocol(ada_url url, const char* input, size_t length);
bool ada_set_username(ada_url url, const char* input, size_t length);
bool ada_set_password(ada_url url, const char* input, size_t length);
bool ada_set_port(ada_url url, const char* input, size_t length);
bool ada_set_pathname(ada_url url, const char* input, size_t length);
void ada_set_search(ada_url url, const char* input, size_t length);
void ada_set_hash(ada_url url, const char* input, size_t length);
const ada_url_components* ada_get_components(ada_url url);
}

namespace weir::web::url {

namespace {

using js::Arguments;

constexpr uint32_t kOmitted = 0xffffffff;

struct UrlFree {
  void operator()(void* url) const { ada_free(url); }
};
using Url = std::unique_ptr<void, UrlFree>;

// A string's UTF-8; short ones stay on the stack.
class Utf8 {
 public:
  Utf8(v8::Isolate* isolate, v8::Local<v8::String> text) {
    // At most three bytes for one UTF-16 unit.
    const size_t most = static_cast<size_t>(text->Length()) * 3;
    char* target = inline_;
    size_t capacity = sizeof inline_;
    if (most > capacity) {
      capacity = text->Utf8LengthV2(isolate);
      heap_ = std::make_unique_for_overwrite<char[]>(capacity);
      target = heap_.get();
    }
    size_ = text->WriteUtf8V2(isolate, target, capacity, v8::String::WriteFlags::kReplaceInvalidUtf8);
    data_ = target;
  }
  const char* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  char inline_[1024];
  std::unique_ptr<char[]> heap_;
  const char* data_;
  size_t size_;
};

v8::Local<v8::Value> place(v8::Isolate* isolate, uint32_t value) {
  return value == kOmitted ? v8::Integer::New(isolate, -1) : v8::Integer::NewFromUnsigned(isolate, value);
}

// [href, …] as host.d.ts says, or null when the URL is not valid.
void returnParts(const Arguments& args, const Url& url) {
  v8::Isolate* isolate = args.GetIsolate();
  if (url == nullptr || !ada_is_valid(url.get())) return args.GetReturnValue().SetNull();
  const ada_string href = ada_get_href(url.get());
  const ada_url_components* at = ada_get_components(url.get());
  v8::Local<v8::String> text;
  if (at == nullptr ||
      !v8::String::NewFromUtf8(isolate, href.data, v8::NewStringType::kNormal, static_cast<int>(href.length))
           .ToLocal(&text)) {
    return args.GetReturnValue().SetNull();
  }
  v8::Local<v8::Value> parts[] = {
      text,
      place(isolate, at->protocol_end),
      place(isolate, at->username_end),
      place(isolate, at->host_start),
      place(isolate, at->host_end),
      place(isolate, at->port),
      place(isolate, at->pathname_start),
      place(isolate, at->search_start),
      place(isolate, at->hash_start),
  };
  args.GetReturnValue().Set(v8::Array::New(isolate, parts, std::size(parts)));
}

// https://url.spec.whatwg.org/#concept-url-parser
void urlParse(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  if (!args[0]->IsString()) return js::throwTypeError(isolate, "urlParse: not a string");
  Utf8 input(isolate, args[0].As<v8::String>());
  if (!args[1]->IsString()) return returnParts(args, Url(ada_parse(input.data(), input.size())));
  Utf8 base(isolate, args[1].As<v8::String>());
  returnParts(args, Url(ada_parse_with_base(input.data(), input.size(), base.data(), base.size())));
}

// The setters of https://url.spec.whatwg.org/#api
void urlSet(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  if (!args[0]->IsString() || !args[1]->IsInt32() || !args[2]->IsString()) {
    return js::throwTypeError(isolate, "urlSet: expected (string, number, string)");
  }
  Utf8 href(isolate, args[0].As<v8::String>());
  Utf8 value(isolate, args[2].As<v8::String>());
  Url url(ada_parse(href.data(), href.size()));
  if (url == nullptr || !ada_is_valid(url.get())) return args.GetReturnValue().SetNull();
  void* target = url.get();
  const char* data = value.data();
  const size_t size = value.size();
  bool accepted = true;
  switch (args[1].As<v8::Int32>()->Value()) {
    case 0: accepted = ada_set_href(target, data, size); break;
    case 1: accepted = ada_set_protocol(target, data, size); break;
    case 2: accepted = ada_set_username(target, data, size); break;
    case 3: accepted = ada_set_password(target, data, size); break;
    case 4: accepted = ada_set_host(target, data, size); break;
    case 5: accepted = ada_set_hostname(target, data, size); break;
    case 6: accepted = ada_set_port(target, data, size); break;
    case 7: accepted = ada_set_pathname(target, data, size); break;
    case 8: ada_set_search(target, data, size); break;
    case 9: ada_set_hash(target, data, size); break;
    default: accepted = false;
  }
  if (!accepted) return args.GetReturnValue().SetNull();
  returnParts(args, url);
}

// https://url.spec.whatwg.org/#dom-url-origin
void urlOrigin(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  if (!args[0]->IsString()) return js::throwTypeError(isolate, "urlOrigin: not a string");
  Utf8 href(isolate, args[0].As<v8::String>());
  Url url(ada_parse(href.data(), href.size()));
  if (url == nullptr || !ada_is_valid(url.get())) return args.GetReturnValue().Set(js::symbol(isolate, "null"));
  const ada_owned_string origin = ada_get_origin(url.get());
  v8::Local<v8::String> text;
  if (v8::String::NewFromUtf8(isolate, origin.data, v8::NewStringType::kNormal, static_cast<int>(origin.length))
          .ToLocal(&text)) {
    args.GetReturnValue().Set(text);
  }
  ada_free_owned_string(origin);
}

constexpr js::Native kNatives[] = {
    {"urlParse", urlParse},
    {"urlSet", urlSet},
    {"urlOrigin", urlOrigin},
};

}  // namespace

std::span<const js::Native> natives() { return kNatives; }

}  // namespace weir::web::url
