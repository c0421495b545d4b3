using System;
using System.Reflection;

namespace Hakmem.Compat;

// Stands in for System.Runtime.Loader.AssemblyLoadContext. The frameworks that this target is for besides .NET have no
// contexts that are unloaded, and on .NET the other target is what is used: there is none of any assembly.
internal abstract class AssemblyLoadContext
{
    public abstract event Action<AssemblyLoadContext> Unloading;

    public abstract bool IsCollectible { get; }

    public static AssemblyLoadContext? GetLoadContext(Assembly assembly) => null;
}
