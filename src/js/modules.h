// The modules of one version: compiled, linked and evaluated in one isolate.
//
// Threads: the isolate's. The graph borrows its sources and must outlive every run of the code it loaded (dynamic
// imports come back to it); it finds itself through an isolate data slot.
#pragma once

#include <v8.h>

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "js/borrowed_text.h"

namespace weir::js {

enum class SourceKind { kEsModule, kText, kData, kJson, kWasm, kCommonJs };

struct ModuleSource {
  std::string_view name;  // without "./"
  SourceKind kind;
  std::span<const uint8_t> content;
  std::span<const uint8_t> codeCache;  // empty: none
  BorrowedText* text = nullptr;        // the content of code that is ASCII; null: V8 makes a copy
  bool isBuiltin = false;              // of the platform
};

inline constexpr uint32_t kModuleGraphSlot = 1;

class ModuleGraph {
 public:
  enum class Compile { kLazily, kEagerly };

  // `sources[0]` is the main module. Registers itself in the isolate's data slot kModuleGraphSlot.
  ModuleGraph(v8::Isolate* isolate, std::vector<ModuleSource> sources, Compile compile);
  ~ModuleGraph();
  ModuleGraph(const ModuleGraph&) = delete;
  ModuleGraph& operator=(const ModuleGraph&) = delete;

  // A module of the platform, asked for where the script has none of the name, or by another such module that is code:
  // the object whose properties it exports. Empty: there is none of that name.
  std::function<v8::MaybeLocal<v8::Object>(std::string_view name, bool byBuiltin)> findBuiltin;
  // The same, of one that is code: an ES module. Its name, by which it is known whatever it was asked for by, and its
  // text outlive the graph. A text that is null: there is none.
  std::function<ModuleSource(std::string_view name, bool byBuiltin)> findBuiltinCode;
  // Why there is none of a name that is no mistake; empty: it may be one.
  std::function<std::string_view(std::string_view name)> whyMissing;
  // One is about to be there for the script. False: an exception is pending.
  std::function<bool(std::string_view name)> onBuiltin;
  // The namespace of a module of the platform, which is evaluated if nobody has imported it. Empty with no exception
  // pending: there is none of the name.
  v8::MaybeLocal<v8::Object> builtin(v8::Local<v8::Context> context, std::string_view name);
  // Whether the script imports it.
  bool usesBuiltin(std::string_view name) const { return loaded_.contains(name); }

  // What require() gives. An ES module that exports something as "module.exports" gives that in any case.
  enum class RequireGives {
    kNamespace,      // of any module: what a CommonJS module exports is its `default`
    kDefault,        // the default export; of a module without one the namespace
    kDefaultOrCopy,  // the same, but a copy of the namespace that scripts may change, for all who require it
  };
  RequireGives requireGives = RequireGives::kDefault;

  // Called when everything that is imported statically has been compiled, before any of it runs.
  std::function<void()> onCompiled;

  // Compiles the main module and what it imports, links, evaluates. Empty: an exception is pending in the caller's
  // TryCatch. Top-level await must settle within the microtasks that evaluation leaves behind.
  v8::MaybeLocal<v8::Object> run(v8::Local<v8::Context> context);
  // Whether a module declares resources (resource_declarations.h, for threads too), imported or not. The main source
  // is a module, or a classic script.
  bool declaresResources(v8::Local<v8::Context> context, bool mainIsScript);
  // Runs the main source as a classic script (service-worker syntax), named "worker.js".
  v8::MaybeLocal<v8::Value> runScript(v8::Local<v8::Context> context);

  // Adds the modules that have been evaluated, or have failed, to a snapshot's context. Call once, when the context's
  // data up to `firstData` have been added.
  void save(v8::SnapshotCreator& creator, v8::Local<v8::Context> context);
  // Takes them back: imports find them instead of loading them anew. False: the snapshot does not hold what it should.
  bool restore(v8::Local<v8::Context> context, size_t firstData);
  // The main module's namespace after run or restore; empty in service-worker syntax.
  v8::MaybeLocal<v8::Object> mainNamespace();

  // Code caches of what has been compiled so far, by name.
  std::map<std::string, std::vector<uint8_t>> codeCaches();
  // True when V8 took the main source's code cache.
  bool usedCodeCache() const { return usedCodeCache_; }
  // True when a WebAssembly module was made: V8 cannot write one to a snapshot.
  bool holdsWasm() const { return holdsWasm_; }

  static void installCallbacks(v8::Isolate* isolate);
  // What a snapshot must know by address.
  static std::vector<intptr_t> externalReferences();

 private:
  struct Loaded {
    v8::Global<v8::Module> module;
    v8::Global<v8::Value> value;  // of a synthetic module that has not been evaluated
    bool isBuiltin = false;       // the value's properties are its exports, else it is the default one
    bool isCommonJs = false;      // its default export is found by running it
    bool isBuiltinCode = false;
    v8::Global<v8::UnboundModuleScript> unbound;
  };

  static ModuleGraph* of(v8::Isolate* isolate);
  static v8::MaybeLocal<v8::Module> resolve(v8::Local<v8::Context> context, v8::Local<v8::String> specifier,
                                            v8::Local<v8::FixedArray> attributes, v8::Local<v8::Module> referrer);
  static v8::MaybeLocal<v8::Promise> importDynamically(v8::Local<v8::Context> context, v8::Local<v8::Data> options,
                                                       v8::Local<v8::Value> resourceName,
                                                       v8::Local<v8::String> specifier,
                                                       v8::Local<v8::FixedArray> attributes);
  static v8::MaybeLocal<v8::Value> evaluateSynthetic(v8::Local<v8::Context> context, v8::Local<v8::Module> module);

  v8::MaybeLocal<v8::String> codeOf(const ModuleSource& source);
  const ModuleSource* find(std::string_view specifier, std::string_view referrer) const;
  v8::MaybeLocal<v8::Module> load(v8::Local<v8::Context> context, const ModuleSource& source);
  // By its name as a script writes it. Empty: an exception is pending.
  v8::MaybeLocal<v8::Module> import(v8::Local<v8::Context> context, std::string_view wanted, std::string_view from);
  // Empty with no exception pending: there is none.
  v8::MaybeLocal<v8::Module> importBuiltin(v8::Local<v8::Context> context, std::string_view wanted, bool byBuiltin);
  v8::MaybeLocal<v8::Module> loadBuiltin(v8::Local<v8::Context> context, std::string_view name,
                                         v8::Local<v8::Object> exports);
  bool exportBuiltin(v8::Local<v8::Context> context, v8::Local<v8::Module> module, std::string_view name,
                     v8::Local<v8::Object> exports);
  // CommonJS, common_js.cc. What the module has exported once it has run; empty: an exception is pending.
  v8::MaybeLocal<v8::Value> runCommonJs(v8::Local<v8::Context> context, const std::string& name);
  static void require(const v8::FunctionCallbackInfo<v8::Value>& info);
  v8::MaybeLocal<v8::Value> requireFrom(v8::Local<v8::Context> context, std::string_view wanted, std::string_view from);
  // False: an exception is pending.
  bool evaluateNow(v8::Local<v8::Context> context, v8::Local<v8::Module> module, std::string_view wanted);
  v8::MaybeLocal<v8::Value> required(v8::Local<v8::Context> context, std::string_view name,
                                     v8::Local<v8::Object> space);
  v8::MaybeLocal<v8::Value> valueOf(v8::Local<v8::Context> context, const ModuleSource& source);
  // Links and evaluates; the promise is that of the evaluation. Empty: an exception is pending.
  v8::MaybeLocal<v8::Promise> evaluate(v8::Local<v8::Context> context, v8::Local<v8::Module> module);
  v8::ScriptCompiler::CompileOptions optionsFor(const ModuleSource& source) const;
  void noteCodeCache(const v8::ScriptCompiler::Source& compiled);
  std::string nameOf(v8::Local<v8::Module> module) const;
  void throwMissing(std::string_view specifier, std::string_view referrer);

  v8::Isolate* isolate_;
  std::vector<ModuleSource> sources_;
  Compile compile_;
  std::map<std::string, Loaded, std::less<>> loaded_;
  std::map<std::string, v8::Global<v8::Object>, std::less<>> running_;  // `module` of CommonJS modules that run now
  std::map<std::string, v8::Global<v8::Object>, std::less<>> copies_;   // of namespaces, for require()
  v8::Global<v8::UnboundScript> script_;                                // service-worker syntax
  bool usedCodeCache_ = false;
  bool holdsWasm_ = false;
};

}  // namespace weir::js
