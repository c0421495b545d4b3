using System;
using System.Reflection;

namespace Hakmem.Compat;

// Stands in for System.Runtime.Loader.AssemblyLoadContext. No context is ever unloaded here: .NET uses the other target
// of this library, and the other frameworks cannot unload a context.
internal abstract class AssemblyLoadContext
{
    public abstract event Action<AssemblyLoadContext> Unloading;

    public abstract bool IsCollectible { get; }

    public static AssemblyLoadContext? GetLoadContext(Assembly assembly) => null;
}
