using System;
using Hakmem.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Hakmem;

/// <summary>Memory that belongs to a request: <c>GetMemoryRegion</c>.</summary>
public static class HakmemHttpContextExtensions
{
    /// <summary>
    /// Returns the region of a request: memory that is freed at once when the request has ended, also if it was
    /// aborted or failed. The first call makes it, from the heap of <c>AddHakmem</c>; a request that does not ask pays
    /// nothing. <c>hakmem.request_region.size</c> of the meter <c>Hakmem.AspNetCore</c> is the size of such regions in
    /// bytes.
    /// </summary>
    /// <remarks>
    /// Not thread-safe, as <see cref="HttpContext"/>, unless the options say so. Work that outlives the request, such
    /// as a task that nobody awaits, must not use the region: its <see cref="Memory{T}"/> and owners throw then, and
    /// its pointers and spans point to freed memory. The request ends after the last byte of a streamed body is
    /// written, and after an upgraded connection's endpoint has returned. Callbacks of
    /// <see cref="HttpResponse.OnCompleted(System.Func{System.Threading.Tasks.Task})"/> that were registered before the
    /// first call run after that, as they run in reverse order.
    /// </remarks>
    /// <param name="context">The request's context.</param>
    /// <param name="options">The region's options; null for the default values. Used by the first call only.</param>
    /// <returns>The region. The response disposes it.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="context"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A value of the options is out of its range.</exception>
    /// <exception cref="InvalidOperationException"><c>AddHakmem</c> was not called.</exception>
    public static MemoryRegion GetMemoryRegion(this HttpContext context, MemoryRegionOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (context.Features.Get<RequestRegion>() is { } known)
        {
            return known.Region;
        }

        RequestRegions regions = context.RequestServices?.GetService<RequestRegions>() ??
            throw new InvalidOperationException("GetMemoryRegion needs AddHakmem on the services of the application.");
        RequestRegion created = regions.Create(options);
        try
        {
            context.Response.RegisterForDispose(created);
            context.Features.Set(created);
        }
        catch
        {
            created.Dispose();
            throw;
        }

        return created.Region;
    }
}
