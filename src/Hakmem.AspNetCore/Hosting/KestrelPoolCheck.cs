using System;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;

namespace Hakmem.AspNetCore.Hosting;

// Prevents the start of a service whose Kestrel would not use the registered pool. UseKestrel registers the framework's
// factory even if there is one, and the last registration wins. Without this check the wrong order would show only in
// missing metrics.
internal sealed class KestrelPoolCheck(IMemoryPoolFactory<byte> factory) : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => factory is PinnedMemoryPoolFactory
        ? next
        : throw new InvalidOperationException(
            $"Kestrel would rent its memory from {factory.GetType()}, an {nameof(IMemoryPoolFactory<byte>)} that was " +
            $"registered after {nameof(HakmemWebHostBuilderExtensions.UseHakmemForKestrel)}. " +
            "Call it after UseKestrel.");
}
