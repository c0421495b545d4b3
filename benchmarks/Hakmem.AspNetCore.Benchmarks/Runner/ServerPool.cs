using System.Collections.Generic;
using Microsoft.AspNetCore.Builder;

namespace Hakmem.AspNetCore.Benchmarks.Runner;

/// <summary>The memory pools that Kestrel is measured with, by the names that arguments and tables have.</summary>
internal static class ServerPool
{
    /// <summary>Kestrel with the framework's pools.</summary>
    public const string BuiltIn = "built-in";

    /// <summary>Kestrel with Hakmem's pool.</summary>
    public const string Ours = "hakmem";

    /// <summary>The same, which asks for a garbage collection whatever it costs.</summary>
    public const string OursCollecting = "hakmem, CollectWhenIdle=true";

    /// <summary>The same, which never asks for one.</summary>
    public const string OursNotCollecting = "hakmem, CollectWhenIdle=false";

    /// <summary>All of them, the one to compare with first.</summary>
    public static IReadOnlyList<string> All { get; } = [BuiltIn, Ours, OursCollecting, OursNotCollecting];

    /// <summary>Has a server use the pool of a name.</summary>
    public static void Use(WebApplicationBuilder builder, string pool)
    {
        if (pool != BuiltIn)
        {
            builder.UseHakmemForKestrel(options => options.CollectWhenIdle = pool switch
            {
                OursCollecting => true,
                OursNotCollecting => false,
                _ => null,
            });
        }
    }
}
