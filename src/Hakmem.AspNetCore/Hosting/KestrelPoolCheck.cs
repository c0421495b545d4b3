using System;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;

namespace Hakmem.AspNetCore.Hosting;

// Refuses to start a service whose Kestrel would not use the pool it was given. UseKestrel registers the framework's factory whether there is
// one or not, so the last to register wins, and without this check the wrong order would show in nothing but missing figures.
internal sealed class KestrelPoolCheck(IMemoryPoolFactory<byte> factory) : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => factory is PinnedMemoryPoolFactory
        ? next
        : throw new InvalidOperationException(
            $"Kestrel would rent its memory from {factory.GetType()}: something registered that {nameof(IMemoryPoolFactory<byte>)} after " +
            $"{nameof(HakmemWebHostBuilderExtensions.UseHakmemForKestrel)}. Call {nameof(HakmemWebHostBuilderExtensions.UseHakmemForKestrel)} after UseKestrel.");
}
