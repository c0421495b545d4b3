using Microsoft.CodeAnalysis;

namespace System.Runtime.CompilerServices;

// Marks setters that only an initialiser may call.
[Embedded]
internal static class IsExternalInit;
