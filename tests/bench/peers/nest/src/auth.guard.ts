import { CanActivate, createParamDecorator, ExecutionContext, Injectable, UnauthorizedException } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';

export interface Claims {
    userId: string;
    role: string;
}

/** As the documentation's chapter on authentication has it. */
@Injectable()
export class AuthGuard implements CanActivate {
    constructor(private readonly jwtService: JwtService) {}

    async canActivate(context: ExecutionContext): Promise<boolean> {
        const request = context.switchToHttp().getRequest();
        const [type, token] = request.headers.authorization?.split(' ') ?? [];
        if (type !== 'Bearer' || !token)
            throw new UnauthorizedException();
        try {
            request.user = await this.jwtService.verifyAsync<Claims>(token);
        } catch {
            throw new UnauthorizedException();
        }
        return true;
    }
}

export const Caller = createParamDecorator(
    (_: unknown, context: ExecutionContext): Claims => context.switchToHttp().getRequest().user);
