#include "web/node/inspection.h"

#include <iterator>

#include "js/bytes.h"

namespace weir::web::node {

namespace {

using js::Arguments;
using Test = bool (v8::Value::*)() const;

// Bits of kindsOf(); binding.js names them in this order.
constexpr Test kTests[] = {
    &v8::Value::IsExternal,
    &v8::Value::IsDate,
    &v8::Value::IsArgumentsObject,
    &v8::Value::IsBigIntObject,
    &v8::Value::IsBooleanObject,
    &v8::Value::IsNumberObject,
    &v8::Value::IsStringObject,
    &v8::Value::IsSymbolObject,
    &v8::Value::IsNativeError,
    &v8::Value::IsRegExp,
    &v8::Value::IsAsyncFunction,
    &v8::Value::IsGeneratorFunction,
    &v8::Value::IsGeneratorObject,
    &v8::Value::IsPromise,
    &v8::Value::IsMap,
    &v8::Value::IsSet,
    &v8::Value::IsMapIterator,
    &v8::Value::IsSetIterator,
    &v8::Value::IsWeakMap,
    &v8::Value::IsWeakSet,
    &v8::Value::IsArrayBuffer,
    &v8::Value::IsDataView,
    &v8::Value::IsSharedArrayBuffer,
    &v8::Value::IsProxy,
    &v8::Value::IsModuleNamespaceObject,
};
static_assert(std::size(kTests) <= 31, "the bits are a Smi");

void kindsOf(const Arguments& args) {
  if (!args[0]->IsObject()) return args.GetReturnValue().Set(0);
  int32_t kinds = 0;
  for (size_t i = 0; i < std::size(kTests); ++i) {
    if (((**args[0]).*kTests[i])()) kinds |= int32_t{1} << i;
  }
  args.GetReturnValue().Set(kinds);
}

// [state, result] as v8::Promise counts; undefined for anything else.
void promiseDetails(const Arguments& args) {
  if (!args[0]->IsPromise()) return;
  v8::Isolate* const isolate = args.GetIsolate();
  const auto promise = args[0].As<v8::Promise>();
  const bool settled = promise->State() != v8::Promise::kPending;
  v8::Local<v8::Value> details[] = {v8::Integer::New(isolate, promise->State()),
                                    settled ? promise->Result() : v8::Undefined(isolate).As<v8::Value>()};
  args.GetReturnValue().Set(v8::Array::New(isolate, details, settled ? 2 : 1));
}

// [target, handler], or the target alone when the second argument is false; undefined for anything but a Proxy.
void proxyDetails(const Arguments& args) {
  if (!args[0]->IsProxy()) return;
  const auto proxy = args[0].As<v8::Proxy>();
  if (args[1]->IsFalse()) return args.GetReturnValue().Set(proxy->GetTarget());
  v8::Local<v8::Value> details[] = {proxy->GetTarget(), proxy->GetHandler()};
  args.GetReturnValue().Set(v8::Array::New(args.GetIsolate(), details, 2));
}

// The entries of a collection or of the rest of an iterator; with a second argument [entries, whether they are pairs].
void previewEntries(const Arguments& args) {
  if (!args[0]->IsObject()) return;
  bool pairs = false;
  v8::Local<v8::Array> entries;
  if (!args[0].As<v8::Object>()->PreviewEntries(&pairs).ToLocal(&entries)) return;
  if (args.Length() < 2) return args.GetReturnValue().Set(entries);
  v8::Local<v8::Value> both[] = {entries, v8::Boolean::New(args.GetIsolate(), pairs)};
  args.GetReturnValue().Set(v8::Array::New(args.GetIsolate(), both, 2));
}

void constructorName(const Arguments& args) {
  if (args[0]->IsObject()) args.GetReturnValue().Set(args[0].As<v8::Object>()->GetConstructorName());
}

// (object, v8::PropertyFilter)
void ownNonIndexKeys(const Arguments& args) {
  if (!args[0]->IsObject() || !args[1]->IsUint32()) return;
  const auto filter = static_cast<v8::PropertyFilter>(args[1].As<v8::Uint32>()->Value() & 31);
  v8::Local<v8::Array> keys;
  if (args[0]
          .As<v8::Object>()
          ->GetPropertyNames(args.GetIsolate()->GetCurrentContext(), v8::KeyCollectionMode::kOwnOnly, filter,
                             v8::IndexFilter::kSkipIndices)
          .ToLocal(&keys)) {
    args.GetReturnValue().Set(keys);
  }
}

constexpr js::Native kNatives[] = {
    {"kindsOf", kindsOf},
    {"promiseDetails", promiseDetails},
    {"proxyDetails", proxyDetails},
    {"previewEntries", previewEntries},
    {"constructorName", constructorName},
    {"ownNonIndexKeys", ownNonIndexKeys},
};

}  // namespace

std::span<const js::Native> natives() { return kNatives; }

}  // namespace weir::web::node
